/* text_lists.c - words of five languages: common function words, which a model may do without,
 * words that negate, which are never among them, and what English contractions stand for.  Lower
 * case, NFC; written for this program. */
#include "text_impl.h"

/* clang-format off */
static const char *const english_stop[] = {
    "a", "about", "above", "after", "again", "against", "all", "also", "am", "an", "and", "any",
    "are", "as", "at", "be", "because", "been", "before", "being", "below", "between", "both",
    "but", "by", "can", "could", "did", "do", "does", "doing", "done", "down", "during", "each",
    "either", "else", "ever", "every", "few", "for", "from", "further", "get", "gets", "getting",
    "go", "goes", "going", "got", "had", "has", "have", "having", "he", "her", "here", "hers",
    "herself", "him", "himself", "his", "how", "however", "i", "if", "in", "into", "is", "it",
    "its", "itself", "just", "let", "made", "make", "many", "may", "me", "might", "mine", "more",
    "most", "much", "must", "my", "myself", "of", "off", "on", "once", "one", "only", "onto",
    "or", "other", "others", "our", "ours", "ourselves", "out", "over", "own", "per", "put",
    "rather", "same", "shall", "she", "should", "since", "so", "some", "still", "such", "than",
    "that", "the", "their", "theirs", "them", "themselves", "then", "there", "these", "they",
    "this", "those", "though", "through", "thus", "to", "too", "toward", "towards", "under",
    "until", "up", "upon", "us", "very", "was", "we", "were", "what", "when", "where", "whether",
    "which", "while", "who", "whom", "whose", "why", "will", "with", "within", "would", "yet",
    "you", "your", "yours", "yourself", "yourselves", "'s", "'re", "'m", "'ve", "'ll", "'d",
    NULL};
static const char *const english_negators[] = {
    "not", "n't", "no", "never", "neither", "nor", "nobody", "none", "nothing", "nowhere",
    "cannot", "without", "hardly", "scarcely", "barely", "ain't", "aint", "arent", "cant",
    "couldnt", "didnt", "doesnt", "dont", "hadnt", "hasnt", "havent", "isnt", "nope", "shouldnt",
    "wasnt", "werent", "wont", "wouldnt", "can't", "don't", "won't", "isn't", "wasn't", "didn't",
    "doesn't", "couldn't", "wouldn't", "shouldn't", "aren't", "weren't", "haven't", "hasn't",
    "hadn't", NULL};

static const char *const portuguese_stop[] = {
    "a", "à", "ao", "aos", "aquela", "aquelas", "aquele", "aqueles", "aquilo", "as", "às", "até",
    "cada", "com", "como", "da", "daquela", "daquelas", "daquele", "daqueles", "das", "de",
    "dela", "delas", "dele", "deles", "desde", "dessa", "dessas", "desse", "desses", "desta",
    "destas", "deste", "destes", "disso", "disto", "do", "dos", "e", "é", "ela", "elas", "ele",
    "eles", "em", "entre", "era", "eram", "essa", "essas", "esse", "esses", "esta", "está",
    "estamos", "estão", "estar", "estas", "estava", "estavam", "estávamos", "este", "esteja",
    "estes", "estive", "esteve", "estou", "eu", "foi", "fomos", "for", "foram", "fosse",
    "fossem", "fui", "há", "haja", "havia", "hei", "isso", "isto", "já", "la", "lá", "lhe",
    "lhes", "lo", "logo", "mais", "mas", "me", "mesma", "mesmas", "mesmo", "mesmos", "meu",
    "meus", "minha", "minhas", "na", "nas", "nesta", "neste", "nessa", "nesse", "no", "nos",
    "nós", "nossa", "nossas", "nosso", "nossos", "num", "numa", "o", "onde", "os", "ou", "outra",
    "outras", "outro", "outros", "para", "pela", "pelas", "pelo", "pelos", "pois", "por",
    "porque", "pra", "quais", "qual", "quando", "quanto", "que", "quem", "se", "seja", "sejam",
    "sendo", "ser", "será", "serão", "seria", "seu", "seus", "só", "sob", "sobre", "sou", "sua",
    "suas", "são", "também", "te", "tem", "têm", "tendo", "tenha", "tenho", "ter", "terá", "teu",
    "teus", "teve", "tinha", "tinham", "tive", "toda", "todas", "todo", "todos", "tu", "tua",
    "tuas", "um", "uma", "umas", "uns", "vai", "vão", "você", "vocês", "vos", NULL};
static const char *const portuguese_negators[] = {
    "não", "nao", "nem", "nunca", "jamais", "nada", "ninguém", "ninguem", "nenhum", "nenhuma",
    "nenhuns", "nenhumas", "sem", "tampouco", NULL};

static const char *const german_stop[] = {
    "aber", "alle", "allem", "allen", "aller", "alles", "als", "also", "am", "an", "ander",
    "andere", "anderem", "anderen", "anderer", "anderes", "auch", "auf", "aus", "bei", "beim",
    "bin", "bis", "bist", "da", "dabei", "dadurch", "dafür", "dagegen", "damit", "dann", "daran",
    "darauf", "daraus", "darin", "das", "dass", "daß", "davon", "dazu", "dein", "deine",
    "deinem", "deinen", "deiner", "dem", "den", "denen", "denn", "der", "deren", "des",
    "deshalb", "dessen", "dich", "die", "dies", "diese", "diesem", "diesen", "dieser", "dieses",
    "dir", "doch", "dort", "du", "durch", "ein", "eine", "einem", "einen", "einer", "eines",
    "einige", "einigen", "einmal", "er", "es", "etwas", "euch", "euer", "eure", "für", "gegen",
    "gewesen", "hab", "habe", "haben", "hat", "hatte", "hatten", "hätte", "hätten", "hier",
    "hin", "hinter", "ich", "ihm", "ihn", "ihnen", "ihr", "ihre", "ihrem", "ihren", "ihrer",
    "ihres", "im", "in", "indem", "ins", "ist", "ja", "jede", "jedem", "jeden", "jeder", "jedes",
    "jene", "jenem", "jenen", "jener", "jenes", "jetzt", "kann", "können", "könnte", "man",
    "manche", "manchem", "manchen", "mancher", "mehr", "mein", "meine", "meinem", "meinen",
    "meiner", "meines", "mich", "mir", "mit", "muss", "muß", "müssen", "musste", "nach", "noch",
    "nun", "nur", "ob", "oder", "schon", "sehr", "sein", "seine", "seinem", "seinen", "seiner",
    "seines", "seit", "selbst", "sich", "sie", "sind", "so", "solche", "solchem", "solchen",
    "solcher", "soll", "sollen", "sollte", "sondern", "sonst", "um", "und", "uns", "unser",
    "unsere", "unserem", "unseren", "unter", "vom", "von", "vor", "während", "war", "waren",
    "warst", "was", "wegen", "weil", "welche", "welchem", "welchen", "welcher", "wenn", "wer",
    "werde", "werden", "wie", "wieder", "will", "wir", "wird", "wirst", "wo", "wollen", "wollte",
    "würde", "würden", "zu", "zum", "zur", "zwar", "zwischen", "über", NULL};
static const char *const german_negators[] = {
    "nicht", "nichts", "nie", "niemals", "niemand", "niemandem", "niemanden", "nirgends",
    "nirgendwo", "kein", "keine", "keinem", "keinen", "keiner", "keines", "keinerlei", "weder",
    "ohne", "nein", NULL};

static const char *const french_stop[] = {
    "à", "ai", "ainsi", "alors", "as", "au", "aucuns", "aurait", "aussi", "autre", "autres",
    "aux", "avaient", "avais", "avait", "avant", "avec", "avez", "avoir", "avons", "ayant",
    "bien", "c'", "car", "ce", "ceci", "cela", "celle", "celles", "celui", "ces", "cet", "cette",
    "ceux", "chaque", "chez", "comme", "comment", "d'", "dans", "de", "depuis", "des", "donc",
    "dont", "du", "elle", "elles", "en", "encore", "entre", "es", "est", "et", "étaient",
    "étais", "était", "étant", "été", "êtes", "être", "eu", "eux", "fait", "faire", "fois",
    "font", "furent", "fut", "ici", "il", "ils", "j'", "je", "l'", "la", "là", "laquelle", "le",
    "lequel", "les", "lesquels", "leur", "leurs", "lors", "lorsque", "lui", "m'", "ma", "mais",
    "me", "même", "mêmes", "mes", "mien", "moi", "moins", "mon", "notre", "nos", "nous", "on",
    "ont", "ou", "où", "par", "parce", "pendant", "peu", "peut", "plus", "pour", "pourquoi",
    "puis", "qu'", "quand", "que", "quel", "quelle", "quelles", "quels", "qui", "quoi", "s'",
    "sa", "se", "sera", "serait", "ses", "seulement", "si", "sien", "soi", "soit", "sommes",
    "son", "sont", "sous", "suis", "sur", "t'", "ta", "tandis", "te", "tel", "telle", "tels",
    "tes", "toi", "ton", "tous", "tout", "toute", "toutes", "très", "tu", "un", "une", "vers",
    "voici", "voilà", "vos", "votre", "vous", "vu", "y", NULL};
static const char *const french_negators[] = {
    "ne", "n'", "pas", "jamais", "rien", "aucun", "aucune", "aucunement", "sans", "ni", "non",
    "guère", "nul", "nulle", "nullement", NULL};

static const char *const spanish_stop[] = {
    "a", "al", "algo", "algunas", "algún", "alguna", "alguno", "algunos", "ante", "antes",
    "aquel", "aquella", "aquellas", "aquello", "aquellos", "aquí", "así", "aún", "aunque",
    "bajo", "bien", "cada", "como", "cómo", "con", "contra", "cual", "cuál", "cuales", "cuando",
    "cuándo", "cuanto", "de", "del", "desde", "donde", "dónde", "dos", "durante", "e", "el",
    "él", "ella", "ellas", "ello", "ellos", "en", "entre", "era", "eran", "eras", "eres", "es",
    "esa", "esas", "ese", "eso", "esos", "esta", "está", "estaba", "estaban", "estado",
    "estamos", "están", "estar", "estas", "este", "esto", "estos", "estoy", "fue", "fueron",
    "fui", "ha", "había", "habían", "habido", "haber", "han", "has", "hasta", "hay", "he",
    "hemos", "la", "las", "le", "les", "lo", "los", "luego", "más", "me", "mi", "mí", "mientras",
    "mis", "misma", "mismas", "mismo", "mismos", "mucha", "muchas", "mucho", "muchos", "muy",
    "mía", "mío", "nos", "nosotras", "nosotros", "nuestra", "nuestras", "nuestro", "nuestros",
    "o", "os", "otra", "otras", "otro", "otros", "para", "pero", "poco", "por", "porque", "pues",
    "que", "qué", "quien", "quién", "quienes", "se", "sea", "sean", "según", "ser", "será",
    "serán", "sería", "si", "sí", "sido", "siendo", "sobre", "sois", "somos", "son", "soy", "su",
    "sus", "suya", "suyo", "también", "tan", "tanto", "te", "tener", "tengo", "ti", "tiene",
    "tienen", "toda", "todas", "todo", "todos", "tu", "tú", "tus", "tuya", "tuyo", "un", "una",
    "unas", "uno", "unos", "usted", "ustedes", "va", "van", "vosotros", "vuestra", "vuestro",
    "y", "ya", "yo", NULL};
static const char *const spanish_negators[] = {
    "no", "nunca", "jamás", "jamas", "nada", "nadie", "ningún", "ninguno", "ninguna", "ningunos",
    "ningunas", "ni", "sin", "tampoco", NULL};

/* clang-format on */
const text_language text_languages[] = {
    [CRM_TEXT_ANY_LANGUAGE] = {NULL, NULL, NULL},
    [CRM_TEXT_ENGLISH] = {"english", english_stop, english_negators},
    [CRM_TEXT_PORTUGUESE] = {"portuguese", portuguese_stop, portuguese_negators},
    [CRM_TEXT_GERMAN] = {"german", german_stop, german_negators},
    [CRM_TEXT_FRENCH] = {"french", french_stop, french_negators},
    [CRM_TEXT_SPANISH] = {"spanish", spanish_stop, spanish_negators},
};
_Static_assert(sizeof text_languages / sizeof *text_languages == CRM_TEXT_LANGUAGE_COUNT, "rows");

/* "'s" and "'d" stand for several words ("is", "has", "of"; "had", "would"): the first stays as it
 * is, the second is mostly "would". */
const text_contraction text_contractions[] = {
    {"n't", "not"},  {"'re", "are"},  {"'m", "am"}, {"'ve", "have"},
    {"'ll", "will"}, {"'d", "would"}, {NULL, NULL},
};
const text_contraction text_hosts[] = {
    {"wo", "will"}, {"ca", "can"}, {"sha", "shall"}, {"ai", "is"}, {NULL, NULL},
};

/* synth_words.c - the grammar of the generated English, in normal forms (lower case, no signs).
 *
 * A sentence of a mood comes in a plain form and in negated forms with the words of the other mood
 * ("not bad", "not good"), so that the mood is in the order of words, not in the words alone.
 * "$x" is a random phrase of rule x, "@p" the product of the document, "@c" the customer's city.
 * "city" and "product" are filled from the names (synth_text.c). */
#include <stddef.h>

#include "synth_impl.h"

#define RULE(name, ...)                                                                            \
    {                                                                                              \
        name, (const char *const[])                                                                \
        {                                                                                          \
            __VA_ARGS__, NULL                                                                      \
        }                                                                                          \
    }

const synth_rule crm_synth_grammar[] = {
    /* words */
    RULE("good", "good", "great", "nice", "excellent", "fine", "reliable", "solid", "useful",
         "comfortable", "beautiful", "fast", "perfect", "pleasant", "friendly", "impressive"),
    RULE("bad", "bad", "poor", "awful", "terrible", "useless", "slow", "disappointing", "cheap",
         "broken", "ugly", "annoying", "weak", "unreliable", "faulty", "dreadful"),
    RULE("glad", "happy", "pleased", "satisfied", "delighted", "content"),
    RULE("upset", "unhappy", "disappointed", "frustrated", "angry", "annoyed"),
    RULE("very", "very", "really", "extremely", "absolutely", "incredibly", "totally", "so"),
    RULE("quite", "quite", "rather", "fairly", "pretty", "somewhat", "a bit", "mostly"),
    RULE("part", "quality", "material", "price", "packaging", "size", "colour", "design", "service",
         "battery", "finish", "support", "delivery"),
    RULE("someone", "my wife", "my husband", "my friend", "my sister", "my son", "a colleague",
         "my neighbour", "my mother"),
    RULE("when", "last week", "in spring", "this month", "yesterday", "two weeks ago", "on sale",
         "online", "for a birthday", "for the second time"),
    RULE("shop", "the shop in @c", "the store in @c", "your branch in @c", "the web shop",
         "the app"),
    RULE("again", "again", "any time", "next time", "to anyone", "to $someone"),
    /* sentences by mood, strongest first */
    RULE("rave", "the @p is $very $good", "i am $very $glad with the @p", "i $truly love this @p",
         "the $part is $very $good", "not $bad at all this @p is $very $good",
         "there is nothing $bad about the @p $truly", "i could not be more $glad",
         "$someone is $very $glad too", "$shop was never $bad and always $very $good",
         "i would recommend the @p $again without doubt", "by no means $bad it is $very $good"),
    RULE("truly", "truly", "really", "absolutely", "simply"),
    RULE("praise", "the @p is $quite $good", "i am $quite $glad with it", "the @p is not $bad",
         "the $part is not $bad", "i was not $upset with the @p", "the $part is $quite $good",
         "it is not $quite $bad", "i do not regret the @p", "$shop was $quite $good",
         "$someone likes the @p", "nothing $bad to say about the $part",
         "$shop was not $bad either", "i would buy it $again"),
    RULE("neutral", "the @p is what it is", "i use the @p now and then", "the $part is as expected",
         "i have the @p for $someone", "it came from $shop", "the @p does what it says",
         "nothing special about the $part", "neither $good nor $bad",
         "i have no opinion on the $part"),
    RULE("complaint", "the @p is $quite $bad", "i am $quite $upset with it", "the @p is not $good",
         "the $part is not $good", "i was not $glad with the @p", "the $part is $quite $bad",
         "it is not $quite $good", "i do regret the @p", "$shop was $quite $bad",
         "$someone does not like the @p", "nothing $good to say about the $part",
         "$shop was not $good either", "i would not buy it $again"),
    RULE("rant", "the @p is $very $bad", "i am $very $upset with the @p", "i $truly hate this @p",
         "the $part is $very $bad", "not $good at all this @p is $very $bad",
         "there is nothing $good about the @p $truly", "i could not be more $upset",
         "$someone is $very $upset too", "$shop was never $good and always $very $bad",
         "i would not recommend the @p $again without doubt", "by no means $good it is $very $bad"),
    /* frames */
    RULE("opening", "i bought the @p $when", "i ordered this @p $when in @c",
         "we got the @p from $shop", "$someone gave me the @p $when", "my second @p from $shop"),
    RULE("closing", "that is all about the @p", "bought in @c", "this was my review of the @p",
         "i have had it for some weeks now", "your mileage may vary"),
    RULE("news", "just saw the new @p at $shop", "talking about the @p with $someone",
         "anyone in @c with a @p", "trying the @p today", "waiting in line at $shop"),
    RULE("greeting", "hello", "dear support", "hi team", "good morning from @c",
         "to whom it concerns"),
    /* tickets */
    RULE("technical", "the app crashes when i open the @p page", "the website shows an error",
         "the @p does not switch on", "the update of the app failed", "the screen stays black",
         "the search on the website is broken", "i cannot install the software for the @p"),
    RULE("billing", "i was charged twice for the @p", "the invoice for the @p is wrong",
         "my card was charged without an order", "the refund for the @p is missing",
         "the discount was not applied to my bill", "i paid a fee that nobody explained"),
    RULE("delivery", "the @p has not arrived", "the parcel was left in the rain",
         "the courier went to the wrong address in @c", "the @p arrived damaged",
         "the tracking number does not work", "half of my order is missing from the parcel"),
    RULE("account", "i cannot log in to my account", "please change my email address",
         "my password reset does not arrive", "my account in @c was locked",
         "i want to delete my old account", "my loyalty points are gone from the account"),
    RULE("resolved", "it is solved now thank you", "support fixed it within a day",
         "the problem is gone thanks", "an agent solved it and it is not open any more",
         "no longer waiting it was fixed"),
    RULE("pending", "it is not solved yet", "support has not fixed it", "i am still waiting",
         "nobody answered and the problem is not gone", "no agent solved it and it is open",
         "still waiting it was not fixed"),
    /* filled from the names; last */
    RULE("city", ""),
    RULE("product", ""),
    {NULL, NULL},
};

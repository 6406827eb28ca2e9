#!/usr/bin/env python3
"""Real exports through their schemas: rows, customers, events, documents and classes equal counts made here, by Python's
csv, from the same files; features of customers equal sums made here.  Beyond the default tier also the 541,909 lines of
online_retail, and 3 ranks.
timeout: 200  beside: others"""
import csv
import datetime
import glob
import gzip
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("CRM_SOURCE_DIR") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("CRM_BUILD_DIR") or os.path.join(SOURCE, "build", "release")
DATA = os.path.join(os.environ.get("CRM_SHARED") or os.path.join(SOURCE, "..", "shared"), "data")
CRMPI = os.path.join(BUILD, "crmpi")
FULL = os.environ.get("CRM_TIER", "default") != "default"
failed = 0


def check(name, have, want):
    global failed
    print("%s - %s" % ("ok" if have == want else "not ok", name), flush=True)
    if have != want:
        failed = 1
        print("#   %s against %s" % (have, want), file=sys.stderr)


def run(ranks, *words):
    script = '. "$0/jobs/env.sh"; N=$1; shift; if [ "$N" = 0 ]; then exec "$@"; fi; ' \
             'exec mpirun --oversubscribe --bind-to none -n "$N" "$@"'
    p = subprocess.run(["bash", "-c", script, SOURCE, str(ranks), CRMPI, *words], capture_output=True, text=True,
                       timeout=150)
    if p.returncode:
        raise RuntimeError(p.stderr[-2000:])
    return p.stdout


def import_set(name, folder, ranks=0):
    """What the program says of an import by NAME.schema.yaml: figures, classes of each target, and the data set's path."""
    store = os.path.join(tmp, "%s-%d.h5" % (name, ranks))
    config = os.path.join(SOURCE, "configs", name)
    text = run(ranks, "import", config + ".yaml", "--set", "data.schema=" + config + ".schema.yaml", "--set",
               "data.path=" + os.path.join(DATA, folder), "--set", "data.store=" + store)
    out = {"rows": int(re.search(r": (\d+) rows", text).group(1)), "digest": re.search(r"digest (\w+)", text).group(1)}
    out["events"], out["documents"] = map(int, re.search(r"^(\d+) events, (\d+) documents", text, re.M).groups())
    for words, key in (("events or documents of no entity", "homeless"), ("at or behind the cut-off", "late"),
                       ("references that lead nowhere", "orphans")):
        m = re.search(r"^  (\d+) .*" + words, text, re.M)
        out[key] = int(m.group(1)) if m else 0
    out["targets"] = {}
    for m in re.finditer(r"^target +(\S+) \(customer\):(.*)$", text, re.M):
        counts = re.sub(r", \d+ missing", "", m.group(2)).split()
        out["targets"][m.group(1)] = sorted(int(v) for v in counts[1::2])
    return out, store


def rows_of(folder, pattern):
    for path in sorted(glob.glob(os.path.join(DATA, folder, pattern))):
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8-sig", newline="") as f:
            yield from csv.DictReader(f)


def there(folder):
    if glob.glob(os.path.join(DATA, folder, "*.csv*")):
        return True
    print("ok - %s # SKIP no %s" % (folder, os.path.join(DATA, folder)))
    return False


def counts_of(values):
    n = {}
    for v in values:
        n[v] = n.get(v, 0) + 1
    return sorted(n.values())


def table_of_customers(name, folder, pattern, label):
    if not there(folder):
        return
    rows = list(rows_of(folder, pattern))
    out, _ = import_set(name, folder)
    check(name + ": rows and classes", [out["rows"], list(out["targets"].values())[0]],
          [len(rows), counts_of(r[label] for r in rows)])


def table_of_documents(name, folder, pattern, text, label):
    if not there(folder):
        return
    rows = list(rows_of(folder, pattern))
    out, _ = import_set(name, folder)
    check(name + ": rows, documents and classes", [out["rows"], out["documents"], list(out["targets"].values())[0]],
          [len(rows), sum(1 for r in rows if r[text]), counts_of(r[label] for r in rows)])


def lines_of(folder, *names):
    """Lines of fields between tabs."""
    for name in names:
        with open(os.path.join(DATA, folder, name), encoding="utf-8", newline="\n") as f:
            yield from (line.rstrip("\r\n").split("\t") for line in f if line.strip())


def there_is(folder, *names):
    if all(os.path.exists(os.path.join(DATA, folder, name)) for name in names):
        return True
    print("ok - %s # SKIP no %s" % (names[0], os.path.join(DATA, folder)))
    return False


def texts_without_header(name, folder, names, class_of):
    """class_of(fields) -> class, None without label; every line has a text."""
    if not there_is(folder, *names):
        return
    rows = list(lines_of(folder, *names))
    out, _ = import_set(name, folder)
    classes = [class_of(r) for r in rows]
    check(name + ": rows, documents and classes", [out["rows"], out["documents"], list(out["targets"].values())[0]],
          [len(rows), len(rows), counts_of(c for c in classes if c is not None)])


def reviews():
    name = "olist_order_reviews_dataset.csv"
    if not there_is("olist_bravida", name):
        return
    rows = [r for r in rows_of("olist_bravida", name)
            if (r["review_comment_title"] + r["review_comment_message"]).strip(" \t")]    # a line end is a text
    out, _ = import_set("olist-reviews", "olist_bravida")
    check("olist-reviews: rows, documents and classes", [out["rows"], out["documents"], out["targets"]["sentiment"]],
          [len(rows), len(rows), counts_of(int(r["review_score"]) > 3 for r in rows if r["review_score"] != "3")])


def olist():
    if not there("olist_bravida"):
        return
    table = {k: list(rows_of("olist_bravida", "olist_%s_dataset.csv" % k))
             for k in ("orders", "customers", "order_items", "order_payments", "order_reviews", "products")}
    english = {r["product_category_name"] for r in rows_of("olist_bravida", "product_category*.csv")}
    orders = {r["order_id"]: r for r in table["orders"]}
    approved = {k for k, r in orders.items() if r["order_approved_at"]}
    known = [r for k in ("order_items", "order_payments") for r in table[k] if r["order_id"] in approved]
    # times of one format are in the order of their texts
    before = [r for r in known if orders[r["order_id"]]["order_purchase_timestamp"] <
              orders[r["order_id"]]["order_approved_at"]]
    customers, products = ({r[k] for r in table[t]} for t, k in (("customers", "customer_id"), ("products", "product_id")))
    lost = sum(r["customer_id"] not in customers for r in table["orders"])
    lost += sum(r["order_id"] not in orders for k in ("order_items", "order_payments", "order_reviews") for r in table[k])
    lost += sum(r["product_id"] not in products for r in table["order_items"])
    lost += sum(r["product_category_name"] not in english for r in table["products"] if r["product_category_name"])
    low = {r["order_id"] for r in table["order_reviews"] if int(r["review_score"]) <= 2} & approved
    reviewed = {r["order_id"] for r in table["order_reviews"]} & approved
    delivered = [orders[k] for k in approved if orders[k]["order_delivered_customer_date"]]
    late = sum(r["order_delivered_customer_date"] > r["order_estimated_delivery_date"] for r in delivered)
    out, _ = import_set("olist", "olist_bravida")
    check("olist: orders, events, late events, references that lead nowhere",
          [out[k] for k in ("rows", "events", "late", "orphans")],
          [len(approved), len(before), len(known) - len(before), lost])
    classes = sorted(map(tuple, out["targets"].values()))
    check("olist: labels from reviews and from dates", classes,
          sorted(tuple(sorted(v)) for v in ((len(low), len(reviewed) - len(low)), (late, len(delivered) - late))))
    if FULL:
        check("olist: the same from 3 ranks", import_set("olist", "olist_bravida", 3)[0]["digest"], out["digest"])


def sums_agree(store, lines, cut):
    """amount.sum and count of three windows, and days since the last line, of each customer."""
    try:
        import h5py
    except ImportError:
        print("ok - online-retail: features # SKIP no h5py")
        return
    want = {}
    for customer, at, amount, _ in sorted(lines, key=lambda x: x[1]):
        days = (cut - at).total_seconds() / 86400
        if days <= 0:
            continue
        w = want.setdefault(customer, {"invoices.recency": days})
        w["invoices.recency"] = days
        for m in (1, 3, 6):
            inside = days <= 30 * m
            for key, v in (("count", 1), ("amount.sum", amount)):
                key = "invoices.%s.%dm" % (key, m)
                w[key] = w.get(key, 0) + (v if inside else 0)
    with h5py.File(store) as f:
        name = [n.decode() if isinstance(n, bytes) else n for n in f["profile/num"].attrs["columns"]]
        num, first, byte = f["profile/num"][:], f["id/first"][:], f["id/byte"][:].tobytes()
    worst = 0
    for i in range(len(num)):
        for key, v in want[byte[first[i]:first[i + 1]].decode()].items():
            worst = max(worst, abs(float(num[i, name.index(key)]) - v) / max(1, abs(v)))
    check("online-retail: sums, counts and recency of %d customers" % len(num), worst < 1e-6, True)


def retail():
    if not FULL or not there("online_retail"):
        return
    cut = datetime.datetime(2011, 9, 10)
    end = cut + datetime.timedelta(days=90)
    lines = [(r["CustomerID"], datetime.datetime.fromisoformat(r["InvoiceDate"]),
              int(r["Quantity"]) * float(r["UnitPrice"]), int(r["Quantity"]))
             for r in rows_of("online_retail", "*.csv.gz")]
    own = [x for x in lines if x[0]]
    before = {x[0] for x in own if x[1] < cut}
    again = {x[0] for x in own if cut <= x[1] < end and x[3] > 0} & before
    out, store = import_set("online-retail", "online_retail")
    check("online-retail: customers, events, late events, lines without customer",
          [out[k] for k in ("rows", "events", "late", "homeless")],
          [len(before), sum(x[1] < cut for x in own), sum(x[1] >= cut for x in own), len(lines) - len(own)])
    check("online-retail: who buys again", list(out["targets"].values())[0],
          sorted((len(again), len(before) - len(again))))
    check("online-retail: the same from 3 ranks", import_set("online-retail", "online_retail", 3)[0]["digest"],
          out["digest"])
    sums_agree(store, own, cut)


with tempfile.TemporaryDirectory() as tmp:
    table_of_customers("telecom-churn", "telecom_churn", "telecom_churn.csv", "Churn")
    table_of_customers("ibm-telco", "ibm_telco", "*.csv", "Churn")
    table_of_customers("churn-modelling", "churn_modelling", "*.csv", "Exited")
    table_of_documents("airline-tweets", "airline_tweets", "Tweets.csv", "text", "airline_sentiment")
    table_of_documents("support-tickets", "support_tickets", "*.csv", "Ticket Description", "Ticket Priority")
    table_of_documents("amazon-stars", "amazon_datafiniti", "*.csv", "reviews.text", "reviews.rating")
    table_of_documents("banking77", "banking77", "train.csv", "text", "category")
    table_of_documents("bitext-intents", "bitext_small", "*.csv", "instruction", "intent")
    texts_without_header("vader-movies", "vader", ["movieReviewSnippets_GroundTruth.txt"],
                         lambda r: None if float(r[1]) == 0 else float(r[1]) > 0)
    texts_without_header("vader-amazon", "vader", ["amazonReviewSnippets_GroundTruth.txt"],
                         lambda r: (float(r[1]) >= -0.5) + (float(r[1]) >= 0.5))
    texts_without_header("sentiment-sentences", "sentiment_sentences", ["amazon_cells_labelled.txt", "imdb_labelled.txt"],
                         lambda r: r[1])
    reviews()
    olist()
    retail()
sys.exit(failed)

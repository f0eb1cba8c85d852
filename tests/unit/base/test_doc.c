/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridges/base/decimal.h"
#include "bridges/base/doc.h"

enum { TEXT_MAX = 8, ID_MAX = 8, SEEN_MAX = 8 };

struct inner {
    int64_t depth;
    bool is_on;
};

/* One field of each type. */
struct all {
    char text[TEXT_MAX + 1];
    char id[ID_MAX + 1];
    int64_t number;
    bool flag;
    int64_t wait_ms;
    int64_t price_micro;
    struct ratio scale;
    int choice;
    uint8_t key[4];
    struct inner inner;
    char seen[SEEN_MAX][TEXT_MAX + 1]; /* what the list's elements were */
    size_t seen_count;
    int custom_line;
    int64_t extra;
};

static void see(struct doc *doc, const doc_node *node, void *out) {
    struct all *all = out;
    const char *text = doc_scalar(node);
    if (!text) {
        doc_fault(doc, node, "list: an element must be a single value");
        return;
    }
    (void)snprintf(all->seen[all->seen_count++], TEXT_MAX + 1, "%s", text);
}

static void note_line(struct doc *doc, const doc_node *node, void *out) {
    (void)doc;
    ((struct all *)out)->custom_line = doc_line(node);
}

static const struct field inner_fields[] = {{"depth", FIELD_INT, offsetof(struct inner, depth),
                                             "3", 0, 9, "how deep", NULL, NULL, NULL},
                                            {"on", FIELD_BOOL, offsetof(struct inner, is_on),
                                             "true", 0, 0, "is it on", NULL, NULL, NULL}};
static const struct schema inner_schema = {inner_fields, 2, NULL, 0};

static const struct field extra_fields[] = {
    {"extra", FIELD_INT, 0, "11", 0, 99, "a key of another room", NULL, NULL, NULL}};
static const struct schema extra_schema = {extra_fields, 1, NULL, 0};

static const struct field fields[] = {
    {"text", FIELD_TEXT, offsetof(struct all, text), "none", 1, TEXT_MAX, "words", NULL, NULL,
     NULL},
    {"id", FIELD_ID, offsetof(struct all, id), NULL, 2, ID_MAX, "its name", NULL, NULL, NULL},
    {"number", FIELD_INT, offsetof(struct all, number), "-5", -10, 300, "how many", NULL, NULL,
     NULL},
    {"flag", FIELD_BOOL, offsetof(struct all, flag), "false", 0, 0, "yes or no", NULL, NULL,
     NULL},
    {"wait", FIELD_DURATION, offsetof(struct all, wait_ms), "60s", 500, 86400000, "how long",
     NULL, NULL, NULL},
    {"price", FIELD_DECIMAL, offsetof(struct all, price_micro), "0.25", -1000000, 5000000,
     "of one", NULL, NULL, NULL},
    {"scale", FIELD_RATIO, offsetof(struct all, scale), "1/100", 0, 0, "of one count", NULL,
     NULL, NULL},
    {"choice", FIELD_CHOICE, offsetof(struct all, choice), "mid", 0, 0, "which", "low|mid|high",
     NULL, NULL},
    {"key", FIELD_HEX, offsetof(struct all, key), "", 0, 4, "a key", NULL, NULL, NULL},
    {"inner", FIELD_MAP, offsetof(struct all, inner), "", 0, 0, "more of it", NULL,
     &inner_schema, NULL},
    {"list", FIELD_LIST, 0, "", 1, 3, "some of them", NULL, NULL, see},
    {"custom", FIELD_CUSTOM, 0, "", 0, 0, "of its own", NULL, NULL, note_line},
};
static const struct schema schema = {fields, sizeof fields / sizeof *fields, &extra_schema,
                                     offsetof(struct all, extra)};

struct reader {
    struct fault_list faults;
    struct all all;
    enum bridge_status status;
};

static void read_bytes(struct reader *reader, const char *text, size_t len) {
    *reader = (struct reader){0};
    faults_init(&reader->faults);
    struct doc *doc = NULL;
    reader->status = doc_parse("t.yaml", text, len, &reader->faults, &doc);
    if (reader->status == BRIDGE_OK) {
        doc_read(doc, doc_root(doc), &schema, &reader->all);
        doc_free(doc);
    }
}

static void read_yaml(struct reader *reader, const char *text) {
    read_bytes(reader, text, strlen(text));
}

static void assert_no_faults(const struct reader *reader) {
    if (reader->faults.count) {
        faults_print(&reader->faults, stderr);
    }
    cr_assert_eq(reader->status, BRIDGE_OK);
    cr_assert_eq(reader->faults.count, 0);
}

static void expect_fault(const struct reader *reader, const char *text) {
    cr_expect(faults_mention(&reader->faults, text), "nobody said \"%s\"", text);
    if (!faults_mention(&reader->faults, text)) {
        faults_print(&reader->faults, stderr);
    }
}

/* A text with exactly one fault, which says this. */
struct bad_row {
    const char *yaml;
    const char *fault;
};

static void expect_one_fault_each(const struct bad_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct reader reader;
        read_yaml(&reader, rows[i].yaml);
        cr_expect_eq(reader.faults.count, 1, "%zu faults in \"%s\"", reader.faults.count,
                     rows[i].yaml);
        expect_fault(&reader, rows[i].fault);
        faults_done(&reader.faults);
    }
}

Test(doc, reads_a_field_of_every_type) {
    struct reader reader;
    read_yaml(&reader, "# a comment\n"
                       "text: a word\n"
                       "id: m-1_x.y\n"
                       "number: 0x10\n"
                       "flag: true\n"
                       "wait: 5m\n"
                       "price: -0.05\n"
                       "scale: 1/3600\n"
                       "choice: high\n"
                       "key: 00ff7F0a\n"
                       "inner:\n"
                       "  depth: 7\n"
                       "  on: false\n"
                       "list: [one, two]\n"
                       "custom: {what: ever}\n"
                       "extra: 42\n");
    assert_no_faults(&reader);
    const struct all *all = &reader.all;
    cr_expect_str_eq(all->text, "a word");
    cr_expect_str_eq(all->id, "m-1_x.y");
    cr_expect_eq(all->number, 16);
    cr_expect(all->flag);
    cr_expect_eq(all->wait_ms, 300000);
    cr_expect_eq(all->price_micro, -50000);
    cr_expect(all->scale.num == 1 && all->scale.den == 3600);
    cr_expect_eq(all->choice, 2);
    cr_expect_arr_eq(all->key, "\x00\xff\x7f\x0a", 4);
    cr_expect_eq(all->inner.depth, 7);
    cr_expect_not(all->inner.is_on);
    cr_expect_eq(all->seen_count, 2);
    cr_expect_str_eq(all->seen[0], "one");
    cr_expect_str_eq(all->seen[1], "two");
    cr_expect_eq(all->custom_line, 15);
    cr_expect_eq(all->extra, 42);
}

Test(doc, missing_keys_take_their_defaults) {
    struct reader reader;
    read_yaml(&reader, "id: ab\n");
    assert_no_faults(&reader);
    const struct all *all = &reader.all;
    cr_expect_str_eq(all->text, "none");
    cr_expect_eq(all->number, -5);
    cr_expect_not(all->flag);
    cr_expect_eq(all->wait_ms, 60000);
    cr_expect_eq(all->price_micro, 250000);
    cr_expect(all->scale.num == 1 && all->scale.den == 100);
    cr_expect_eq(all->choice, 1);
    cr_expect_arr_eq(all->key, "\x00\x00\x00\x00", 4);
    cr_expect_eq(all->inner.depth, 3, "an absent section has its own defaults");
    cr_expect(all->inner.is_on);
    cr_expect_eq(all->seen_count, 0);
    cr_expect_eq(all->custom_line, 0);
    cr_expect_eq(all->extra, 11);
}

Test(doc, a_present_section_takes_the_defaults_of_what_it_leaves_out) {
    struct reader reader;
    read_yaml(&reader, "id: ab\ninner: {depth: 0}\n");
    assert_no_faults(&reader);
    cr_expect_eq(reader.all.inner.depth, 0);
    cr_expect(reader.all.inner.is_on);
}

Test(doc, values_at_the_edges_of_their_ranges_are_taken) {
    struct reader reader;
    read_yaml(&reader, "{id: abcdefgh, text: \"12345678\", number: 300, wait: 500ms, price: 5, "
                       "list: [a, b, c]}\n");
    assert_no_faults(&reader);
    cr_expect_str_eq(reader.all.id, "abcdefgh");
    cr_expect_str_eq(reader.all.text, "12345678");
    cr_expect_eq(reader.all.number, 300);
    cr_expect_eq(reader.all.wait_ms, 500);
    cr_expect_eq(reader.all.price_micro, 5000000);
    cr_expect_eq(reader.all.seen_count, 3);
    read_yaml(&reader, "{id: ab, number: -10, wait: 1d, price: -1, list: [a]}\n");
    assert_no_faults(&reader);
    cr_expect_eq(reader.all.number, -10);
    cr_expect_eq(reader.all.wait_ms, 86400000);
    cr_expect_eq(reader.all.price_micro, -1000000);
}

Test(doc, a_leading_zero_is_no_octal) {
    struct reader reader;
    read_yaml(&reader, "{id: ab, number: 010}\n");
    assert_no_faults(&reader);
    cr_expect_eq(reader.all.number, 10);
}

Test(doc, each_bad_value_is_one_fault_at_its_line) {
    static const struct bad_row rows[] = {
        {"id: a\n", "t.yaml:1: id: \"a\" is too short (2 to 8 characters)"},
        {"id: abcdefghi\n", "t.yaml:1: id: \"abcdefghi\" is too long (2 to 8 characters)"},
        {"id: a/b\n", "t.yaml:1: id: \"a/b\" may hold letters"},
        {"id: \"a b\"\n", "t.yaml:1: id:"},
        {"id: \xc3\xa9\xc3\xa9\n", "t.yaml:1: id:"},
        {"id:\n", "t.yaml:1: id:"},
        {"id: ab\ntext: \"\"\n", "t.yaml:2: text: \"\" is too short"},
        {"id: ab\ntext: 123456789\n", "t.yaml:2: text: \"123456789\" is too long"},
        {"id: ab\ntext: \"a\\tb\"\n", "t.yaml:2: text:"},
        {"id: ab\ntext: \"a\\x7f\"\n", "t.yaml:2: text:"},
        {"id: ab\nnumber: 301\n", "t.yaml:2: number: \"301\" is out of range (-10 to 300)"},
        {"id: ab\nnumber: -11\n", "t.yaml:2: number: \"-11\" is out of range"},
        {"id: ab\nnumber: 0x12d\n", "t.yaml:2: number: \"0x12d\" is out of range"},
        {"id: ab\nnumber: 99999999999999999999\n", "t.yaml:2: number:"},
        {"id: ab\nnumber: 1.5\n", "t.yaml:2: number: \"1.5\" must be a whole number"},
        {"id: ab\nnumber: ten\n", "t.yaml:2: number: \"ten\" must be a whole number"},
        {"id: ab\nnumber: 1e2\n", "t.yaml:2: number:"},
        {"id: ab\nnumber: +7\n", "t.yaml:2: number:"},
        {"id: ab\nnumber: 0x\n", "t.yaml:2: number:"},
        {"id: ab\nnumber: a5\n", "t.yaml:2: number:"},
        {"id: ab\nnumber: \" 7\"\n", "t.yaml:2: number:"},
        {"id: ab\nnumber: --7\n", "t.yaml:2: number:"},
        {"id: ab\nnumber: ~\n", "t.yaml:2: number:"},
        {"id: ab\nnumber:\n", "t.yaml:2: number:"},
        {"id: ab\nflag: yes\n", "t.yaml:2: flag: \"yes\" must be true or false"},
        {"id: ab\nflag: True\n", "t.yaml:2: flag:"},
        {"id: ab\nflag: 1\n", "t.yaml:2: flag:"},
        {"id: ab\nflag:\n", "t.yaml:2: flag:"},
        {"id: ab\nwait: 60\n", "t.yaml:2: wait: \"60\" must be a duration"},
        {"id: ab\nwait: 499ms\n",
         "t.yaml:2: wait: \"499ms\" is out of range (500ms to 86400s)"},
        {"id: ab\nwait: 2d\n", "t.yaml:2: wait: \"2d\" is out of range"},
        {"id: ab\nwait: 106751991168d\n", "t.yaml:2: wait:"},
        {"id: ab\nwait: -5s\n", "t.yaml:2: wait:"},
        {"id: ab\nwait: 1.5s\n", "t.yaml:2: wait:"},
        {"id: ab\nwait: 5 s\n", "t.yaml:2: wait:"},
        {"id: ab\nwait: s\n", "t.yaml:2: wait:"},
        {"id: ab\nprice: 5.000001\n",
         "t.yaml:2: price: \"5.000001\" is out of range (-1 to 5)"},
        {"id: ab\nprice: 0.0000001\n", "t.yaml:2: price: \"0.0000001\" must be a decimal"},
        {"id: ab\nprice: 1,5\n", "t.yaml:2: price:"},
        {"id: ab\nscale: 1/0\n", "t.yaml:2: scale: \"1/0\" must be a ratio"},
        {"id: ab\nscale: 0\n", "t.yaml:2: scale:"},
        {"id: ab\nchoice: hi\n",
         "t.yaml:2: choice: \"hi\" is none of the choices (low|mid|high)"},
        {"id: ab\nchoice: low|mid\n", "t.yaml:2: choice:"},
        {"id: ab\nchoice: \"\"\n", "t.yaml:2: choice:"},
        {"id: ab\nchoice: High\n", "t.yaml:2: choice:"},
        {"id: ab\nkey: 00ff7f\n",
         "t.yaml:2: key: \"00ff7f\" must be hex digits of exact length "
         "(8 hex digits)"},
        {"id: ab\nkey: 00ff7f0a1\n", "t.yaml:2: key:"},
        {"id: ab\nkey: 00ff7f0g\n", "t.yaml:2: key:"},
        {"id: ab\nkey: \"\"\n", "t.yaml:2: key:"},
    };
    expect_one_fault_each(rows, sizeof rows / sizeof *rows);
}

Test(doc, each_bad_shape_is_one_fault_at_its_line) {
    static const struct bad_row rows[] = {
        {"number: 1\n", "t.yaml:1: id: is missing (its name)"},
        {"id: ab\nnumbr: 1\n", "t.yaml:2: unknown key \"numbr\""},
        {"id: ab\nnumber: 1\ntext: x\nnumber: 2\n", "t.yaml:4: number: is given twice"},
        {"id: ab\ninner: {depth: 1, depth: 1}\n", "t.yaml:2: depth: is given twice"},
        {"id: ab\ninner:\n  depth: 1\n  width: 2\n", "t.yaml:4: unknown key \"width\""},
        {"id: ab\nnumber: [1]\n", "t.yaml:2: number: must be a single value"},
        {"id: ab\nnumber: {a: 1}\n", "t.yaml:2: number: must be a single value"},
        {"id: ab\ntext:\n  - x\n", "t.yaml:3: text: must be a single value"},
        {"id: [ab]\n", "t.yaml:1: id: must be a single value"},
        {"id: ab\ninner: 5\n", "t.yaml:2: must be a mapping"},
        {"id: ab\ninner: [depth]\n", "t.yaml:2: must be a mapping"},
        {"id: ab\ninner:\n", "must be a mapping"},
        {"id: ab\nlist: one\n", "t.yaml:2: list: must be a list"},
        {"id: ab\nlist: {a: 1}\n", "t.yaml:2: list: must be a list"},
        {"id: ab\nlist: []\n", "t.yaml:2: list: has 0 elements, may have 1 to 3"},
        {"id: ab\nlist: [a, b, c, d]\n", "t.yaml:2: list: has 4 elements, may have 1 to 3"},
        {"id: ab\nlist: [a, [b]]\n", "t.yaml:2: list: an element must be a single value"},
        {"id: ab\n? [number]\n: 1\n", "t.yaml:2: unknown key"},
        {"id: ab\n? {number: 1}\n: 1\n", "t.yaml:2: unknown key"},
        {"id: ab\n<<: {number: 1}\n", "t.yaml:2: unknown key \"<<\""},
        {"id: ab\nID: ab\n", "t.yaml:2: unknown key \"ID\""},
        {"id: ab\n\"\": 1\n", "t.yaml:2: unknown key \"\""},
        {"- id: ab\n", "t.yaml:1: must be a mapping"},
        {"just text\n", "t.yaml:1: must be a mapping"},
        {"~\n", "t.yaml:1: must be a mapping"},
    };
    expect_one_fault_each(rows, sizeof rows / sizeof *rows);
}

Test(doc, all_faults_of_a_file_come_out_at_once) {
    struct reader reader;
    read_yaml(&reader, "text: much too long\n"
                       "number: many\n"
                       "flag: maybe\n"
                       "\n"
                       "wait: 1\n"
                       "price: x\n"
                       "scale: y\n"
                       "choice: z\n"
                       "key: 0\n"
                       "inner:\n"
                       "  depth: 10\n"
                       "  on: 1\n"
                       "list: 3\n"
                       "extra: 100\n"
                       "what: 1\n"
                       "wait: 5s\n");
    static const char *const said[] = {"t.yaml:1: text:",
                                       "t.yaml:2: number:",
                                       "t.yaml:3: flag:",
                                       "t.yaml:5: wait:",
                                       "t.yaml:6: price:",
                                       "t.yaml:7: scale:",
                                       "t.yaml:8: choice:",
                                       "t.yaml:9: key:",
                                       "t.yaml:11: depth:",
                                       "t.yaml:12: on:",
                                       "t.yaml:13: list:",
                                       "t.yaml:14: extra:",
                                       "t.yaml:15: unknown key \"what\"",
                                       "t.yaml:16: wait: is given twice",
                                       "t.yaml:1: id: is missing"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        expect_fault(&reader, said[i]);
    }
    cr_expect_eq(reader.faults.count, sizeof said / sizeof *said);
    faults_done(&reader.faults);
}

Test(doc, a_file_without_content_is_a_fault) {
    static const char *const texts[] = {"",
                                        " ",
                                        "\n\n\n",
                                        "# only\n# comments\n",
                                        "---\n...\n",
                                        "\xef\xbb\xbf",
                                        "%YAML 1.1\n---\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct reader reader;
        read_yaml(&reader, texts[i]);
        cr_expect_eq(reader.faults.count, 1, "%zu faults in text %zu", reader.faults.count, i);
        faults_done(&reader.faults);
    }
    struct reader reader;
    read_yaml(&reader, "# only\n# comments\n");
    cr_expect_eq(reader.status, BRIDGE_ECONFIG);
    expect_fault(&reader, "t.yaml: the file is empty");
    faults_done(&reader.faults);
}

Test(doc, what_is_not_yaml_is_a_fault_at_its_line) {
    static const struct bad_row rows[] = {
        {"id: ab\ntext: \"open\n", "not YAML"},
        {"id: ab\n  number: 1\n", "t.yaml:2: not YAML"},
        {"id: ab\n\tnumber: 1\n", "not YAML"},
        {"id: ab\nlist: [a, b\n", "not YAML"},
        {"id: ab\nlist: a]\n}\n", "not YAML"},
        {"id: ab\ntext: *nowhere\n", "t.yaml:2: not YAML"},
        {"id: ab\ntext: @x\n", "t.yaml:2: not YAML"},
        {"a: b: c\n", "t.yaml:1: not YAML"},
        {"id: ab\ntext: \"\\q\"\n", "t.yaml:2: not YAML"},
    };
    expect_one_fault_each(rows, sizeof rows / sizeof *rows);
}

Test(doc, bytes_that_are_no_text_are_a_fault) {
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"id: ab\ntext: \xff\xfe\n", 16},
        {"id: ab\ntext: \xc3(\n", 16},
        {"id: ab\ntext: \x01\n", 15},
        {"id: ab\0\ntext: x\n", 16},
        {"\0\0\0\0", 4},
        {"\xfe\xff\xd8", 3},
        {"id: ab\ntext: \xed\xa0\x80\n", 17},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reader reader;
        read_bytes(&reader, rows[i].bytes, rows[i].len);
        cr_expect_eq(reader.status, BRIDGE_ECONFIG, "row %zu", i);
        cr_expect_eq(reader.faults.count, 1, "row %zu", i);
        faults_done(&reader.faults);
    }
}

Test(doc, bytes_that_are_no_text_are_a_fault_at_their_line) {
    struct reader reader;
    read_yaml(&reader, "id: ab\nnumber: 1\ntext: \xff\n");
    cr_expect_eq(reader.faults.count, 1);
    expect_fault(&reader, "t.yaml:3: not YAML");
    faults_done(&reader.faults);
}

/* "\0" in a double quoted scalar is YAML; cut short in silence it would be another value. */
Test(doc, a_value_with_a_nul_inside_is_a_fault) {
    static const struct bad_row rows[] = {
        {"id: \"ab\\0cd\"\n", "t.yaml:1: id:"},
        {"id: ab\nnumber: \"5\\0\"\n", "t.yaml:2: number:"},
        {"id: ab\nflag: \"true\\0x\"\n", "t.yaml:2: flag:"},
        {"id: ab\nchoice: \"low\\0\"\n", "t.yaml:2: choice:"},
        {"id: ab\nkey: \"00112233\\0\"\n", "t.yaml:2: key:"},
        {"id: ab\n\"number\\0\": 5\n", "t.yaml:2: unknown key"},
        {"id: ab\n\"\\0\": 5\n", "t.yaml:2: unknown key"},
    };
    expect_one_fault_each(rows, sizeof rows / sizeof *rows);
}

/* doc_scalar is what CUSTOM fields and list elements read their text by. */
Test(doc, scalar_gives_no_text_that_was_cut_at_a_nul) {
    struct reader reader;
    read_yaml(&reader, "id: ab\nlist: [\"one\\0two\"]\n");
    cr_expect_eq(reader.faults.count, 1);
    cr_expect_eq(reader.all.seen_count, 0, "the element was read as \"%s\"",
                 reader.all.seen[0]);
    faults_done(&reader.faults);
}

Test(doc, a_second_document_of_a_file_is_a_fault) {
    static const char *const texts[] = {
        "id: ab\n---\nid: cd\n",
        "id: ab\n...\n---\nnumber: 5\n",
        "---\nid: ab\n---\nid: cd\nnumber: 7\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct reader reader;
        read_yaml(&reader, texts[i]);
        cr_expect_geq(reader.faults.count, 1, "the rest of text %zu was dropped in silence", i);
        faults_done(&reader.faults);
    }
}

Test(doc, one_document_may_be_marked_as_such) {
    struct reader reader;
    read_yaml(&reader, "%YAML 1.1\n---\nid: ab\n...\n");
    assert_no_faults(&reader);
    read_yaml(&reader, "\xef\xbb\xbfid: ab\r\nnumber: 7\r\n");
    assert_no_faults(&reader);
    cr_expect_eq(reader.all.number, 7);
}

Test(doc, aliases_stand_for_what_they_name) {
    struct reader reader;
    read_yaml(&reader,
              "id: &name ab\ntext: *name\ninner: &in {depth: 2}\nlist: [*name, *name]\n");
    assert_no_faults(&reader);
    cr_expect_str_eq(reader.all.text, "ab");
    cr_expect_str_eq(reader.all.seen[1], "ab");
    cr_expect_eq(reader.all.inner.depth, 2);
}

Test(doc, an_alias_of_the_wrong_kind_is_a_fault) {
    static const struct bad_row rows[] = {
        {"id: ab\ninner: &in {depth: 2}\ntext: *in\n", "text: must be a single value"},
        {"id: ab\ntext: &t x\ninner: *t\n", "must be a mapping"},
    };
    expect_one_fault_each(rows, sizeof rows / sizeof *rows);
}

Test(doc, an_alias_to_what_it_stands_in_ends) {
    static const char *const texts[] = {
        "id: ab\nlist: &l [*l]\n",         "id: ab\ninner: &i {depth: *i}\n",
        "&root\nid: ab\ninner: *root\n",   "&root\nid: *root\n",
        "id: ab\nlist: &l [a, [b, *l]]\n", "&root {*root : 1, id: ab}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct reader reader;
        read_yaml(&reader, texts[i]);
        cr_expect_geq(reader.faults.count, 1, "text %zu", i);
        faults_done(&reader.faults);
    }
}

/* ten levels of ten aliases each: 10^10 leaves if anything walked them */
Test(doc, a_thousand_laughs_end, .timeout = 20) {
    char text[1024] = "id: ab\nextra: 1\ntext: &a0 x\n";
    for (char level = '1'; level <= '9'; level++) {
        char line[100];
        (void)snprintf(line, sizeof line,
                       "z%c: &a%c [*a%c,*a%c,*a%c,*a%c,*a%c,*a%c,*a%c,*a%c,*a%c,*a%c]\n", level,
                       level, level - 1, level - 1, level - 1, level - 1, level - 1, level - 1,
                       level - 1, level - 1, level - 1, level - 1);
        (void)strncat(text, line, sizeof text - strlen(text) - 1);
    }
    struct reader reader;
    read_yaml(&reader, text);
    cr_expect_eq(reader.faults.count, 9, "nine unknown keys");
    faults_done(&reader.faults);
}

Test(doc, deep_nesting_is_no_crash, .timeout = 20) {
    enum { DEPTH = 20000 };
    char *text = malloc(DEPTH + 16);
    cr_assert_not_null(text);
    memcpy(text, "id: ", 4);
    memset(text + 4, '[', DEPTH);
    struct reader reader;
    read_bytes(&reader, text, DEPTH + 4);
    cr_expect_eq(reader.status, BRIDGE_ECONFIG);
    cr_expect_eq(reader.faults.count, 1);
    faults_done(&reader.faults);
    free(text);
}

/* A fault goes to a terminal and to the journal: what a file holds must not move the cursor or
 * start a line of its own there. */
Test(doc, faults_hold_no_control_character_of_the_file) {
    static const char *const texts[] = {
        "id: \"a\\nforged: line\"\n",     "id: ab\nnumber: \"\\e[2Jx\"\n",
        "id: ab\n\"a\\nb\": 1\n",         "id: ab\n\"\\x1b[31m\": 1\n",
        "id: ab\nchoice: \"\\r\\x7f\"\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct reader reader;
        read_yaml(&reader, texts[i]);
        cr_assert_geq(reader.faults.count, 1);
        for (const char *at = reader.faults.lines[0]; *at; at++) {
            cr_expect_not(iscntrl((unsigned char)*at), "text %zu: byte %02x in a fault", i,
                          (unsigned)(unsigned char)*at);
        }
        faults_done(&reader.faults);
    }
}

Test(doc, a_fault_with_a_long_text_stays_one_short_line) {
    char *text = malloc(20000);
    cr_assert_not_null(text);
    memset(text, 'a', 20000);
    memcpy(text, "id: ", 4);
    text[19998] = '\n';
    text[19999] = '\0';
    struct reader reader;
    read_yaml(&reader, text);
    cr_expect_eq(reader.faults.count, 1);
    cr_expect_lt(strlen(reader.faults.lines[0]), 400);
    expect_fault(&reader, "is too long");
    faults_done(&reader.faults);
    free(text);
}

Test(doc, faults_beyond_the_most_are_counted) {
    enum { KEYS = FAULTS_MAX + 50, LINE = 16 };
    char *text = calloc(KEYS + 1, LINE);
    cr_assert_not_null(text);
    size_t len = (size_t)snprintf(text, LINE, "id: ab\n");
    for (int i = 0; i < KEYS; i++) {
        len += (size_t)snprintf(text + len, LINE, "k%d: 1\n", i);
    }
    struct reader reader;
    read_yaml(&reader, text);
    cr_expect_eq(reader.faults.count, KEYS);
    expect_fault(&reader, "t.yaml:2: unknown key \"k0\"");
    char *printed = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&printed, &size);
    cr_assert_not_null(out);
    faults_print(&reader.faults, out);
    (void)fclose(out);
    cr_expect_not_null(strstr(printed, "... and 50 more\n"));
    free(printed);
    faults_done(&reader.faults);
    free(text);
}

/* --- files -------------------------------------------------------------------------------- */

static void write_file(char *path, size_t fill) {
    const int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    FILE *file = fdopen(fd, "w");
    cr_assert_not_null(file);
    (void)fputs("id: ab\n#", file);
    for (size_t i = 9; i < fill; i++) {
        (void)fputc('x', file);
    }
    (void)fputc('\n', file);
    cr_assert_eq(fclose(file), 0);
}

static enum bridge_status load(const char *path, struct fault_list *faults) {
    struct doc *doc = NULL;
    faults_init(faults);
    const enum bridge_status status = doc_load(path, faults, &doc);
    if (status == BRIDGE_OK) {
        cr_expect_str_eq(doc_name(doc), path);
        doc_free(doc);
    }
    return status;
}

Test(doc, a_file_may_have_a_mebibyte_and_no_byte_more) {
    static const struct {
        size_t bytes;
        enum bridge_status status;
    } rows[] = {{1048576, BRIDGE_OK}, {1048577, BRIDGE_ECONFIG}, {3000000, BRIDGE_ECONFIG}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[] = "/tmp/unit-doc-XXXXXX";
        write_file(path, rows[i].bytes);
        struct fault_list faults;
        cr_expect_eq(load(path, &faults), rows[i].status, "%zu bytes", rows[i].bytes);
        cr_expect_eq(faults.count, rows[i].status == BRIDGE_OK ? 0 : 1);
        if (rows[i].status != BRIDGE_OK) {
            cr_expect(faults_mention(&faults, "is larger than 1048576 bytes"));
        }
        faults_done(&faults);
        (void)unlink(path);
    }
}

Test(doc, a_file_that_cannot_be_read_is_a_fault) {
    static const struct bad_row rows[] = {
        {"/nonexistent/t.yaml", "/nonexistent/t.yaml: cannot be opened: No such file"},
        {"/tmp", "/tmp: cannot be read: Is a directory"},
        {"", "cannot be opened"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fault_list faults;
        cr_expect_eq(load(rows[i].yaml, &faults), BRIDGE_ECONFIG);
        cr_expect_eq(faults.count, 1);
        cr_expect(faults_mention(&faults, rows[i].fault), "nobody said \"%s\"", rows[i].fault);
        faults_done(&faults);
    }
}

/* --- the rest of the door ------------------------------------------------------------------
 */

Test(doc, get_finds_values_in_mappings_only) {
    static const char text[] = "a: 1\nb: [2]\nc: {d: 3}\n";
    struct fault_list faults;
    faults_init(&faults);
    struct doc *doc = NULL;
    cr_assert_eq(doc_parse("t.yaml", text, strlen(text), &faults, &doc), BRIDGE_OK);
    const doc_node *root = doc_root(doc);
    cr_expect_str_eq(doc_scalar(doc_get(doc, root, "a")), "1");
    cr_expect_null(doc_scalar(doc_get(doc, root, "b")));
    cr_expect_str_eq(doc_scalar(doc_get(doc, doc_get(doc, root, "c"), "d")), "3");
    cr_expect_eq(doc_line(doc_get(doc, root, "c")), 3);
    cr_expect_null(doc_get(doc, root, "d"));
    cr_expect_null(doc_get(doc, doc_get(doc, root, "a"), "a"));
    cr_expect_null(doc_get(doc, NULL, "a"));
    cr_expect_null(doc_scalar(NULL));
    cr_expect_eq(doc_line(NULL), 0);
    doc_fault(doc, NULL, "all of it is %s", "odd");
    cr_expect_eq(doc_fault_count(doc), 1);
    cr_expect_str_eq(faults.lines[0], "t.yaml: all of it is odd");
    doc_free(doc);
    doc_free(NULL);
    faults_done(&faults);
}

Test(doc, schema_print_names_every_key_with_its_range_and_default) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cr_assert_not_null(out);
    schema_print(&schema, "top.", out);
    (void)fclose(out);
    static const char *const parts[] = {"top.id ",
                                        "its name; 2 to 8 characters; required",
                                        "top.inner.depth ",
                                        "0 to 9; default 3",
                                        "top.inner.on ",
                                        "top.wait ",
                                        "500ms to 86400s; default 60s",
                                        "-1 to 5; default 0.25",
                                        "low|mid|high; default mid",
                                        "8 hex digits; default none",
                                        "top.list ",
                                        "top.custom "};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        cr_expect_not_null(strstr(text, parts[i]), "\"%s\" is not in\n%s", parts[i], text);
    }
    free(text);
}

/* a model's reference has the keys of its protocol too */
Test(doc, schema_print_goes_on_with_the_keys_of_another_room) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cr_assert_not_null(out);
    schema_print(&schema, "", out);
    (void)fclose(out);
    cr_expect_not_null(strstr(text, "a key of another room; 0 to 99; default 11"));
    free(text);
}

Test(doc, durations_are_numbers_with_a_unit) {
    static const struct {
        const char *text;
        enum bridge_status status;
        int64_t ms;
    } rows[] = {
        {"0ms", BRIDGE_OK, 0},
        {"500ms", BRIDGE_OK, 500},
        {"60s", BRIDGE_OK, 60000},
        {"5m", BRIDGE_OK, 300000},
        {"1h", BRIDGE_OK, 3600000},
        {"60d", BRIDGE_OK, 5184000000},
        {"007s", BRIDGE_OK, 7000},
        {"106751991167d", BRIDGE_OK, 9223372036828800000},
        {"", BRIDGE_EINVALID, -7},
        {"60", BRIDGE_EINVALID, -7},
        {"s", BRIDGE_EINVALID, -7},
        {"-1s", BRIDGE_EINVALID, -7},
        {"+1s", BRIDGE_EINVALID, -7},
        {" 1s", BRIDGE_EINVALID, -7},
        {"1 s", BRIDGE_EINVALID, -7},
        {"1S", BRIDGE_EINVALID, -7},
        {"1s ", BRIDGE_EINVALID, -7},
        {"1m30s", BRIDGE_EINVALID, -7},
        {"1w", BRIDGE_EINVALID, -7},
        {"0x1s", BRIDGE_EINVALID, -7},
        {"99999999999999999999", BRIDGE_EINVALID, -7},
        {"106751991168d", BRIDGE_ERANGE, -7},
        {"9223372036854775807s", BRIDGE_ERANGE, -7},
        {"99999999999999999999ms", BRIDGE_ERANGE, -7},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms = -7;
        const enum bridge_status status = duration_parse(rows[i].text, &ms);
        cr_expect_eq(status, rows[i].status, "\"%s\": %s", rows[i].text,
                     bridge_status_text(status));
        cr_expect_eq(ms, rows[i].ms, "\"%s\" gives %lld", rows[i].text, (long long)ms);
    }
}

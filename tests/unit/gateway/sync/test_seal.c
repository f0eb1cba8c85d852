/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/sync/seal.h"
#include "proto/metergate/v1/metergate.pb-c.h"
#include "tests/unit/gateway/temp_dir.h"

static struct wire_scratch scratch;
static struct seal_secret secret;
static struct seal_key keys[4];
static uint8_t sealed[WIRE_MESSAGE_MAX];
static size_t sealed_len;
static const uint8_t *payload;
static size_t payload_len;

static const uint8_t hello[] = {'h', 'e', 'l', 'l', 'o'};

static struct seal_key public_half(const struct seal_secret *of) {
    struct seal_key key = {.key_id = of->key_id, .role = of->role};
    memcpy(key.public_key, of->public_key, SEAL_PUBLIC_BYTES);
    return key;
}

static enum gw_status open_as(enum seal_role role, const char *domain, const char *gateway,
                              const uint8_t *bytes, size_t len) {
    payload = NULL;
    payload_len = 4242;
    return seal_open(keys, 1, role, domain, gateway, bytes, len, &scratch, &payload,
                     &payload_len);
}

static void check_refused(enum gw_status got, enum gw_status want) {
    cr_assert_eq(got, want, "%s", gw_status_text(got));
    cr_assert_null(payload);
    cr_assert_eq(payload_len, 4242);
}

static void make_key(void) {
    cr_assert_eq(seal_init(), GW_OK);
    seal_generate(7, SEAL_SYNC, &secret);
    keys[0] = public_half(&secret);
}

static void make_sealed(void) {
    make_key();
    cr_assert_eq(seal_close(&secret, SEAL_DOMAIN_ACK, "gw-1", hello, sizeof hello, sealed,
                            sizeof sealed, &sealed_len),
                 GW_OK);
}

/* --- signing and opening -------------------------------------------------------------------
 */

Test(seal, what_was_sealed_opens_with_its_exact_payload, .init = make_sealed) {
    cr_assert_eq(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len), GW_OK);
    cr_assert_eq(payload_len, sizeof hello);
    cr_assert_eq(memcmp(payload, hello, sizeof hello), 0);
}

Test(seal, a_large_payload_is_sealed_and_opened, .init = make_key) {
    static uint8_t large[65000];
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (uint8_t)(i * 31);
    }
    cr_assert_eq(seal_close(&secret, SEAL_DOMAIN_ORDER, "gw-1", large, sizeof large, sealed,
                            sizeof sealed, &sealed_len),
                 GW_OK);
    cr_assert_eq(open_as(SEAL_SYNC, SEAL_DOMAIN_ORDER, "gw-1", sealed, sealed_len), GW_OK);
    cr_assert_eq(payload_len, sizeof large);
    cr_assert_eq(memcmp(payload, large, sizeof large), 0);
}

Test(seal, what_does_not_fit_is_too_long, .init = make_key) {
    static const uint8_t large[WIRE_MESSAGE_MAX + 1];
    cr_assert_eq(seal_close(&secret, SEAL_DOMAIN_ACK, "gw-1", large, sizeof large, sealed,
                            sizeof sealed, &sealed_len),
                 GW_ETOOLONG);
    cr_assert_eq(seal_close(&secret, SEAL_DOMAIN_ACK, "gw-1", large, WIRE_MESSAGE_MAX, sealed,
                            sizeof sealed, &sealed_len),
                 GW_ETOOLONG);
    cr_assert_eq(seal_close(&secret, SEAL_DOMAIN_ACK, "gw-1", hello, sizeof hello, sealed, 70,
                            &sealed_len),
                 GW_ETOOLONG);
}

Test(seal, a_message_for_another_gateway_is_refused, .init = make_sealed) {
    static const char *const others[] = {"gw-2", "gw-", "gw-11", "GW-1", "", "_all"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, others[i], sealed, sealed_len),
                      GW_ESIGNATURE);
    }
}

Test(seal, a_message_of_another_domain_is_refused, .init = make_sealed) {
    static const char *const others[] = {SEAL_DOMAIN_ORDER, "metergate/ack/2", "metergate/ack/",
                                         ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        check_refused(open_as(SEAL_SYNC, others[i], "gw-1", sealed, sealed_len), GW_ESIGNATURE);
    }
}

Test(seal, domain_gateway_and_payload_cannot_borrow_from_each_other, .init = make_key) {
    /* the same letters, split elsewhere */
    cr_assert_eq(seal_close(&secret, "dom", "ab", (const uint8_t *)"cd", 2, sealed,
                            sizeof sealed, &sealed_len),
                 GW_OK);
    cr_assert_eq(open_as(SEAL_SYNC, "dom", "ab", sealed, sealed_len), GW_OK);
    check_refused(open_as(SEAL_SYNC, "doma", "b", sealed, sealed_len), GW_ESIGNATURE);
    check_refused(open_as(SEAL_SYNC, "do", "mab", sealed, sealed_len), GW_ESIGNATURE);
    check_refused(open_as(SEAL_SYNC, "dom", "a", sealed, sealed_len), GW_ESIGNATURE);
}

Test(seal, a_key_of_another_role_is_refused, .init = make_sealed) {
    for (enum seal_role role = SEAL_SYNC; role <= SEAL_ROOT; role++) {
        const enum gw_status status =
            open_as(role, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len);
        if (role == SEAL_SYNC) {
            cr_assert_eq(status, GW_OK);
        } else {
            check_refused(status, GW_EKEY);
        }
    }
    keys[0].role = SEAL_CREDIT;
    check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len), GW_EKEY);
}

Test(seal, a_key_that_is_not_known_is_refused, .init = make_sealed) {
    keys[0].key_id = 8;
    check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len), GW_EKEY);
    keys[0].key_id = 7 + ((int64_t)1 << 32);
    check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len), GW_EKEY);
    keys[0].key_id = 7;
    payload = NULL;
    cr_assert_eq(seal_open(keys, 0, SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len,
                           &scratch, &payload, &payload_len),
                 GW_EKEY);
    cr_assert_null(payload);
}

Test(seal, another_key_under_the_same_number_is_refused, .init = make_sealed) {
    struct seal_secret other;
    seal_generate(7, SEAL_SYNC, &other);
    keys[0] = public_half(&other);
    check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len),
                  GW_ESIGNATURE);
}

Test(seal, the_right_one_of_several_keys_opens, .init = make_sealed) {
    struct seal_secret others[3];
    for (uint32_t i = 0; i < 3; i++) {
        seal_generate(i + 1, SEAL_SYNC, &others[i]);
        keys[i] = public_half(&others[i]);
    }
    keys[3] = public_half(&secret);
    cr_assert_eq(seal_open(keys, 4, SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len,
                           &scratch, &payload, &payload_len),
                 GW_OK);
}

Test(seal, no_flipped_bit_of_a_sealed_message_opens_another_payload, .init = make_sealed) {
    unsigned opened = 0;
    for (size_t bit = 0; bit < 8 * sealed_len; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len) == GW_OK) {
            opened++;
        } else {
            cr_assert_null(payload);
        }
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    cr_assert_eq(opened, 0);
}

/* payload's tag and length, then its bytes: so Signed is packed */
enum { AT_PAYLOAD = 2 };

Test(seal, every_changed_bit_of_the_payload_breaks_the_signature, .init = make_sealed) {
    cr_assert_eq(memcmp(sealed + AT_PAYLOAD, hello, sizeof hello), 0);
    for (size_t bit = 0; bit < 8 * sizeof hello; bit++) {
        sealed[AT_PAYLOAD + bit / 8] ^= (uint8_t)(1U << bit % 8);
        check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len),
                      GW_ESIGNATURE);
        sealed[AT_PAYLOAD + bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

Test(seal, every_changed_bit_of_the_signature_breaks_it, .init = make_sealed) {
    const size_t at = AT_PAYLOAD + sizeof hello + 2;
    for (size_t bit = 0; bit < 8 * WIRE_SIGNATURE_BYTES; bit++) {
        sealed[at + bit / 8] ^= (uint8_t)(1U << bit % 8);
        check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len),
                      GW_ESIGNATURE);
        sealed[at + bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

Test(seal, a_sealed_message_cut_short_is_none, .init = make_sealed) {
    for (size_t len = 0; len < sealed_len; len++) {
        check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, len), GW_EINVALID);
    }
}

/* A Signed of our payload with a signature of our choice. */
static size_t pack_with_signature(uint8_t *signature, size_t signature_len, uint8_t *bytes) {
    static uint8_t copy[sizeof hello];
    memcpy(copy, hello, sizeof copy);
    Metergate__V1__Signed message = METERGATE__V1__SIGNED__INIT;
    message.payload = (ProtobufCBinaryData){.len = sizeof copy, .data = copy};
    message.signature = (ProtobufCBinaryData){.len = signature_len, .data = signature};
    message.key_id = 7;
    return metergate__v1__signed__pack(&message, bytes);
}

Test(seal, a_truncated_or_missing_signature_is_refused, .init = make_sealed) {
    uint8_t bytes[200];
    uint8_t signature[WIRE_SIGNATURE_BYTES + 8] = {0};
    memcpy(signature, sealed + AT_PAYLOAD + sizeof hello + 2, WIRE_SIGNATURE_BYTES);
    for (size_t len = 0; len <= sizeof signature; len++) {
        const size_t whole = pack_with_signature(signature, len, bytes);
        const enum gw_status status = open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", bytes, whole);
        if (len == WIRE_SIGNATURE_BYTES) {
            cr_assert_eq(status, GW_OK);
        } else {
            check_refused(status, GW_EINVALID);
        }
    }
}

Test(seal, an_unsigned_message_is_refused, .init = make_key) {
    uint8_t zeros[WIRE_SIGNATURE_BYTES] = {0};
    uint8_t bytes[200];
    const size_t len = pack_with_signature(zeros, sizeof zeros, bytes);
    check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", bytes, len), GW_ESIGNATURE);
    /* without the field at all; and the bare payload */
    static const uint8_t bare[] = {0x0a, 5, 'h', 'e', 'l', 'l', 'o', 0x18, 7};
    check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", bare, sizeof bare), GW_EINVALID);
    check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", hello, sizeof hello),
                  GW_EINVALID);
}

Test(seal, a_signature_with_s_beyond_the_group_order_is_refused, .init = make_sealed) {
    /* L = 2^252 + 27742317777372353535851937790883648493 (RFC 8032 5.1.7): S + L would
     * verify too if it were not checked */
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                      0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                      0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    uint8_t *s = sealed + AT_PAYLOAD + sizeof hello + 2 + 32;
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += s[i] + order[i];
        s[i] = (uint8_t)(carry & 0xff);
        carry >>= 8;
    }
    cr_assert_eq(carry, 0);
    check_refused(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len),
                  GW_ESIGNATURE);
}

/* --- known vectors -------------------------------------------------------------------------
 */

static size_t from_hex(const char *hex, uint8_t *bytes) {
    size_t len = 0;
    for (; hex[2 * len]; len++) {
        unsigned byte = 0;
        cr_assert_eq(sscanf(hex + 2 * len, "%2x", &byte), 1);
        bytes[len] = (uint8_t)byte;
    }
    return len;
}

/* RFC 8032 7.1, TEST 1024: its message has zero bytes at 67 and 185, so it reads as a domain,
 * a gateway and a payload, and the standard's own signature must open it. */
static const char rfc_public[] =
    "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e";
static const char rfc_signature[] =
    "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350"
    "aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03";
static const char rfc_message[] =
    "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98"
    "fa6e264bf09efe12ee50f8f54e9f77b1e355f6c50544e23fb1433ddf73be84d8"
    "79de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d"
    "658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc"
    "1a858efcb8550ee3a5e1998bd177e93a7363c344fe6b199ee5d02e82d522c4fe"
    "ba15452f80288a821a579116ec6dad2b3b310da903401aa62100ab5d1a36553e"
    "06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6ad573cb116dbef"
    "efd75499da96bd68a8a97b928a8bbc103b6621fcde2beca1231d206be6cd9ec7"
    "aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed1"
    "85ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2"
    "d17ba70eb6248e594e1a2297acbbb39d502f1a8c6eb6f1ce22b3de1a1f40cc24"
    "554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf2b13fd65f270"
    "88d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc"
    "2732e69485bbc9c90bfbd62481d9089beccf80cfe2df16a2cf65bd92dd597b07"
    "07e0917af48bbb75fed413d238f5555a7a569d80c3414a8d0859dc65a46128ba"
    "b27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d83d1255dc51a"
    "ddd3b75a2b1ae0784504df543af8969be3ea7082ff7fc9888c144da2af58429e"
    "c96031dbcad3dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb7"
    "51fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301651339e22904cc8c"
    "42f58c30c04aafdb038dda0847dd988dcda6f3bfd15c4b4c4525004aa06eeff8"
    "ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34df"
    "f7310fdc82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08"
    "d78ff4ef5d63653a65040cf9bfd4aca7984a74d37145986780fc0b16ac451649"
    "de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e4"
    "88acba6b965610b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc5600a3"
    "2ef5b52a1ecc820e308aa342721aac0943bf6686b64b2579376504ccc493d97e"
    "6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5f"
    "b93246f6b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b5"
    "0d334ba77c225bc307ba537152f3f1610e4eafe595f6d9d90d11faa933a15ef1"
    "369546868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380d"
    "b2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c"
    "0618983f8741c5ef68d3a101e8a3b8cac60c905c15fc910840b94c00a0b9d0";

Test(seal, the_long_vector_of_rfc_8032_opens, .init = make_key) {
    uint8_t message[1024];
    uint8_t signature[WIRE_SIGNATURE_BYTES];
    cr_assert_eq(from_hex(rfc_message, message), 1023);
    cr_assert_eq(from_hex(rfc_signature, signature), sizeof signature);
    cr_assert_eq(from_hex(rfc_public, keys[0].public_key), SEAL_PUBLIC_BYTES);
    cr_assert_eq(message[67], 0);
    cr_assert_eq(message[185], 0);

    Metergate__V1__Signed vector = METERGATE__V1__SIGNED__INIT;
    vector.payload = (ProtobufCBinaryData){.len = 1023 - 186, .data = message + 186};
    vector.signature = (ProtobufCBinaryData){.len = sizeof signature, .data = signature};
    vector.key_id = 7;
    sealed_len = metergate__v1__signed__pack(&vector, sealed);
    const char *domain = (const char *)message;
    const char *gateway = (const char *)message + 68;
    cr_assert_eq(open_as(SEAL_SYNC, domain, gateway, sealed, sealed_len), GW_OK);
    cr_assert_eq(payload_len, 837);
    cr_assert_eq(memcmp(payload, message + 186, 837), 0);
    signature[0] ^= 1;
    sealed_len = metergate__v1__signed__pack(&vector, sealed);
    check_refused(open_as(SEAL_SYNC, domain, gateway, sealed, sealed_len), GW_ESIGNATURE);
}

/* The key of RFC 8032 7.1, TEST 1; the signature is OpenSSL 3's over
 * "metergate/ack/1" 00 "gw-1" 00 "hello". */
static const char rfc_secret[] =
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char openssl_signature[] =
    "2a68ee69dd0a409d3134ca6af3c3201375e9c515eac49efbd66fc255f6e3a276"
    "ca9ed93121c5a3d6f6e4df9b1679ccb469b81dc9d8bd1aa1f8bfd20b81d8f808";

Test(seal, a_sealed_message_has_the_bytes_another_implementation_gives, .init = make_key) {
    uint8_t want[] = {0x0a, 5, 'h', 'e', 'l', 'l', 'o', 0x12, 64, [9 + 64] = 0x18, 7};
    from_hex(openssl_signature, want + 9);
    from_hex(rfc_secret, secret.secret_key);
    cr_assert_eq(seal_close(&secret, SEAL_DOMAIN_ACK, "gw-1", hello, sizeof hello, sealed,
                            sizeof sealed, &sealed_len),
                 GW_OK);
    cr_assert_eq(sealed_len, sizeof want);
    cr_assert_eq(memcmp(sealed, want, sizeof want), 0);
    from_hex(rfc_secret + 64, keys[0].public_key);
    cr_assert_eq(open_as(SEAL_SYNC, SEAL_DOMAIN_ACK, "gw-1", want, sizeof want), GW_OK);
}

/* --- key files -----------------------------------------------------------------------------
 */

static char dir[TEMP_PATH_MAX];
static char path[TEMP_PATH_MAX];
static char error[200];

static void make_dir(void) {
    make_key();
    temp_dir_make(dir);
    temp_path(dir, "sync.key", path);
    memset(error, 0, sizeof error);
}

static void remove_dir(void) {
    temp_dir_remove(dir);
}

#define Key_Test(name) Test(seal_file, name, .init = make_dir, .fini = remove_dir)

Key_Test(a_saved_key_is_loaded_again) {
    struct seal_secret got;
    cr_assert_eq(seal_secret_save(&secret, path, error), GW_OK, "%s", error);
    cr_assert_eq(seal_secret_load(path, &got, error), GW_OK, "%s", error);
    cr_assert_eq(got.key_id, 7);
    cr_assert_eq(got.role, SEAL_SYNC);
    cr_assert_eq(memcmp(got.secret_key, secret.secret_key, SEAL_SECRET_BYTES), 0);
    cr_assert_eq(memcmp(got.public_key, secret.public_key, SEAL_PUBLIC_BYTES), 0);
}

Key_Test(every_role_is_saved_by_its_name) {
    static const char *const heads[] = {"role: sync\nkey_id: 2147483647\nsecret: ",
                                        "role: credit\nkey_id: 2147483647\nsecret: ",
                                        "role: supply\nkey_id: 2147483647\nsecret: ",
                                        "role: config\nkey_id: 2147483647\nsecret: ",
                                        "role: root\nkey_id: 2147483647\nsecret: "};
    for (enum seal_role role = SEAL_SYNC; role <= SEAL_ROOT; role++) {
        char text[400] = "";
        struct seal_secret got;
        seal_generate(INT32_MAX, role, &secret);
        cr_assert_eq(seal_secret_save(&secret, path, error), GW_OK);
        (void)temp_read(path, text, sizeof text - 1);
        cr_assert_eq(strncmp(text, heads[role], strlen(heads[role])), 0, "%s", text);
        cr_assert_eq(strlen(text), strlen(heads[role]) + 128 + 1);
        cr_assert_eq(seal_secret_load(path, &got, error), GW_OK);
        cr_assert_eq(got.role, (int)role);
        cr_assert_eq(got.key_id, INT32_MAX);
        cr_assert_eq(unlink(path), 0);
    }
}

Key_Test(a_key_file_is_for_its_owner_alone_whatever_the_umask) {
    static const mode_t masks[] = {0, 022, 077};
    for (size_t i = 0; i < 3; i++) {
        struct stat info;
        umask(masks[i]);
        cr_assert_eq(seal_secret_save(&secret, path, error), GW_OK);
        cr_assert_eq(stat(path, &info), 0);
        cr_assert_eq(info.st_mode & 07777, 0600);
        cr_assert_eq(unlink(path), 0);
    }
}

Key_Test(saving_never_overwrites) {
    char text[16] = "";
    temp_write(path, "precious", 8, 0600);
    cr_assert_eq(seal_secret_save(&secret, path, error), GW_EPERMISSION);
    cr_assert_not_null(strstr(error, path));
    cr_assert_eq(temp_read(path, text, sizeof text), 8);
    cr_assert_eq(memcmp(text, "precious", 8), 0);
}

/* The gateway makes its key at the first start: what a power cut left of that is no key, and
 * must not be in the way. */
Key_Test(half_a_key_of_a_power_cut_is_not_in_the_way) {
    char draft[TEMP_PATH_MAX + 4];
    struct seal_secret got;
    (void)snprintf(draft, sizeof draft, "%s.new", path);
    temp_write(draft, "role: ga", 8, 0600);
    cr_assert_eq(seal_secret_save(&secret, path, error), GW_OK, "%s", error);
    cr_assert_eq(seal_secret_load(path, &got, error), GW_OK, "%s", error);
    cr_assert_neq(access(draft, F_OK), 0);
}

Key_Test(saving_does_not_follow_a_link) {
    char target[TEMP_PATH_MAX];
    temp_path(dir, "elsewhere", target);
    cr_assert_eq(symlink(target, path), 0);
    cr_assert_eq(seal_secret_save(&secret, path, error), GW_EPERMISSION);
    cr_assert_neq(access(target, F_OK), 0);
}

Key_Test(a_key_file_that_others_can_read_or_write_is_refused) {
    static const mode_t modes[] = {0640, 0604, 0644, 0620, 0602, 0610, 0601, 0666, 0777};
    cr_assert_eq(seal_secret_save(&secret, path, error), GW_OK);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct seal_secret got;
        cr_assert_eq(chmod(path, modes[i]), 0);
        cr_assert_eq(seal_secret_load(path, &got, error), GW_EPERMISSION, "%o", modes[i]);
        cr_assert_not_null(strstr(error, "chmod 600"));
    }
    struct seal_secret got;
    cr_assert_eq(chmod(path, 0400), 0);
    cr_assert_eq(seal_secret_load(path, &got, error), GW_OK);
}

Key_Test(a_key_file_that_is_not_there_is_a_configuration_fault) {
    struct seal_secret got;
    cr_assert_eq(seal_secret_load(path, &got, error), GW_ECONFIG);
    cr_assert_not_null(strstr(error, path));
    cr_assert_eq(seal_secret_load(dir, &got, error), GW_ECONFIG, "a directory");
}

static void refuse_text(const char *text, size_t len) {
    struct seal_secret got;
    memset(error, 0, sizeof error);
    temp_write(path, text, len, 0600);
    cr_assert_eq(seal_secret_load(path, &got, error), GW_ECONFIG, "%s", text);
    cr_assert_gt(strlen(error), 0);
    for (size_t i = 0; i < SEAL_SECRET_BYTES; i++) {
        cr_assert_eq(got.secret_key[i], 0, "nothing of a damaged key stays");
    }
}

/* 32 bytes of seed and the public key that belongs to it (RFC 8032 7.1, TEST 1) */
#define SEED   "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define PUBLIC "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

Key_Test(a_key_file_by_hand_is_loaded) {
    static const char text[] = "role: credit\nkey_id: 12\nsecret: " SEED PUBLIC "\n";
    struct seal_secret got;
    temp_write(path, text, sizeof text - 1, 0600);
    cr_assert_eq(seal_secret_load(path, &got, error), GW_OK, "%s", error);
    cr_assert_eq(got.role, SEAL_CREDIT);
    cr_assert_eq(got.key_id, 12);
    cr_assert_eq(got.public_key[0], 0xd7);
    cr_assert_eq(got.public_key[31], 0x1a);
}

Key_Test(a_damaged_key_file_is_refused) {
    static const char *const texts[] = {
        "",
        "\n",
        "role: sync\n",
        "role: sync\nkey_id: 1\n",
        "role: sync\nkey_id: 1\nsecret: \n",
        "role: sync\nkey_id: 1\nsecret: " SEED "\n",
        "role: nobody\nkey_id: 1\nsecret: " SEED PUBLIC "\n",
        "role: \nkey_id: 1\nsecret: " SEED PUBLIC "\n",
        "role: sync\nkey_id: 0\nsecret: " SEED PUBLIC "\n",
        "role: sync\nkey_id: -1\nsecret: " SEED PUBLIC "\n",
        "role: sync\nkey_id: 2147483648\nsecret: " SEED PUBLIC "\n",
        "role: sync\nkey_id: 4294967297\nsecret: " SEED PUBLIC "\n",
        "role: sync\nkey_id: 99999999999999999999999\nsecret: " SEED PUBLIC "\n",
        "role: sync\nkey_id: x\nsecret: " SEED PUBLIC "\n",
        "key_id: 1\nrole: sync\nsecret: " SEED PUBLIC "\n",
        "role: sync\nkey_id: 1\nsecret: g" SEED PUBLIC "\n",
        "-----BEGIN PRIVATE KEY-----\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        refuse_text(texts[i], strlen(texts[i]));
    }
}

Key_Test(a_key_file_cut_short_is_refused) {
    static const char text[] = "role: sync\nkey_id: 1\nsecret: " SEED PUBLIC;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        refuse_text(text, len);
    }
}

Key_Test(a_key_file_with_more_behind_the_secret_is_refused) {
    static const char *const texts[] = {
        "role: sync\nkey_id: 1\nsecret: " SEED PUBLIC "00\n",
        "role: sync\nkey_id: 1\nsecret: " SEED PUBLIC "xyz\n",
        "role: sync\nkey_id: 1\nsecret: " SEED PUBLIC "\nrole: credit\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        refuse_text(texts[i], strlen(texts[i]));
    }
}

Key_Test(one_wrong_digit_of_a_secret_is_noticed) {
    /* a seed that does not belong to its public half would sign what nobody can verify, and
     * two signatures under one seed with different public halves give the seed away */
    static const char head[] = "role: sync\nkey_id: 1\nsecret: ";
    static const char good[] = SEED PUBLIC;
    static const size_t places[] = {0, 1, 33, 63, 64, 65, 100, 127};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char text[300];
        const int len = snprintf(text, sizeof text, "%s%s\n", head, good);
        char *digit = text + strlen(head) + places[i];
        *digit = *digit == '5' ? '4' : '5';
        refuse_text(text, (size_t)len);
    }
}

Test(seal, a_wiped_key_is_all_zero, .init = make_key) {
    static const struct seal_secret zero;
    cr_assert_neq(memcmp(&secret, &zero, sizeof zero), 0);
    seal_wipe(&secret);
    cr_assert_eq(memcmp(secret.secret_key, zero.secret_key, sizeof zero.secret_key), 0);
    cr_assert_eq(secret.key_id, 0);
}

Test(seal, generated_keys_differ, .init = make_key) {
    struct seal_secret other;
    seal_generate(7, SEAL_SYNC, &other);
    cr_assert_neq(memcmp(other.secret_key, secret.secret_key, SEAL_SECRET_BYTES), 0);
    cr_assert_neq(memcmp(other.public_key, secret.public_key, SEAL_PUBLIC_BYTES), 0);
}

Test(seal, roles_have_the_words_of_the_settings) {
    static const char *const words[] = {"sync",   "credit", "supply",
                                        "config", "root",   "gateway"};
    for (int i = 0; i < 6; i++) {
        cr_assert_str_eq(seal_role_name(i), words[i]);
    }
    cr_assert_str_eq(SEAL_ROLES, "sync|credit|supply|config|root");
    cr_assert_str_eq(seal_role_name(-1), "?");
    cr_assert_str_eq(seal_role_name(6), "?");
}

Test(seal, whoever_has_signed_is_told_and_a_stranger_is_none, .init = make_sealed) {
    struct seal_opened opened = {0};
    uint32_t key_id = 0;
    cr_assert_eq(seal_open_any(keys, 1, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len, &scratch,
                               &key_id, &opened),
                 GW_OK);
    cr_assert_eq(opened.key, &keys[0]);
    cr_assert_eq(opened.payload_len, sizeof hello);
    cr_assert_eq(memcmp(opened.payload, hello, sizeof hello), 0);
    keys[0].key_id = 8;
    cr_assert_eq(seal_open_any(keys, 1, SEAL_DOMAIN_ACK, "gw-1", sealed, sealed_len, &scratch,
                               &key_id, &opened),
                 GW_EKEY);
    cr_assert_eq(key_id, 7);
    keys[0].key_id = 7;
    cr_assert_eq(seal_open_any(keys, 1, SEAL_DOMAIN_ORDER, "gw-1", sealed, sealed_len, &scratch,
                               &key_id, &opened),
                 GW_ESIGNATURE);
    cr_assert_eq(
        seal_open_any(keys, 1, SEAL_DOMAIN_ACK, "gw-1", sealed, 3, &scratch, &key_id, &opened),
        GW_EINVALID);
}

// Keys: generation, wrapping, derivation; random numbers (PKCS#11 2.40, 5.14 and 5.15).
#include "base/bytes.h"
#include "entry.h"
#include "session_objects.h"
#include "token_objects.h"

using namespace sealkey::pkcs11;

using Byte = unsigned char;

namespace {

std::span<const CK_ATTRIBUTE> template_of(const CK_ATTRIBUTE* wanted, CK_ULONG count) {
    require(wanted != nullptr || count == 0, CKR_ARGUMENTS_BAD);
    return {wanted, count};
}

// Calls, with the codes that PKCS#11 has for a key in this function in place of a key's own.
struct Renamed {
    CK_RV from;
    CK_RV to;
};
template <class Body>
auto renaming(std::initializer_list<Renamed> names, Body body) {
    try {
        return body();
    } catch (const Refusal& refusal) {
        for (const Renamed& one : names) {
            if (one.from == refusal.code()) refuse(one.to);
        }
        throw;
    }
}

struct Wiped {
    explicit Wiped(ByteVector value) : bytes(std::move(value)) {}
    ~Wiped() { sealkey::wipe(bytes); }
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    ByteVector bytes;
};

}  // namespace

SEALKEY_EXPORT CK_RV C_GenerateKey(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_ATTRIBUTE* wanted,
                                   CK_ULONG count, CK_OBJECT_HANDLE* made) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        require(mechanism != nullptr && made != nullptr, CKR_ARGUMENTS_BAD);
        call.note("session %lu, mechanism %lx", handle, mechanism->mechanism);
        const auto given = template_of(wanted, count);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_GENERATE);
        require(mechanism->ulParameterLen == 0, CKR_MECHANISM_PARAM_INVALID);
        library.require_login_for_private(session, given);
        const auto length = length_in(given);
        require(length.has_value(), CKR_TEMPLATE_INCOMPLETE);
        require(*length <= row.max_size, CKR_KEY_SIZE_RANGE);
        Wiped secret{ByteVector(*length)};
        random_bytes(secret.bytes);
        const CK_KEY_TYPE type = row.family == Family::aes ? CKK_AES : CKK_GENERIC_SECRET;
        auto object = make_secret(given, Making::generate, secret.bytes, type, row.type);
        *made = library.add_session_object(session, std::move(object));
    });
}

SEALKEY_EXPORT CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_ATTRIBUTE* publicly,
                                       CK_ULONG public_count, CK_ATTRIBUTE* privately, CK_ULONG private_count,
                                       CK_OBJECT_HANDLE* public_key, CK_OBJECT_HANDLE* private_key) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        require(mechanism != nullptr && public_key != nullptr && private_key != nullptr, CKR_ARGUMENTS_BAD);
        call.note("session %lu, mechanism %lx", handle, mechanism->mechanism);
        const auto for_public = template_of(publicly, public_count);
        const auto for_private = template_of(privately, private_count);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_GENERATE_KEY_PAIR);
        require(mechanism->ulParameterLen == 0, CKR_MECHANISM_PARAM_INVALID);
        require(session.read_write, CKR_SESSION_READ_ONLY);
        const KeyPair made = generate_on_token(library.card(session), row, for_public, for_private);
        *public_key = made.public_key;
        *private_key = made.private_key;
    });
}

// --- wrapping ---

namespace {

// The value of the secret key that is to be wrapped.
const ByteVector& wrappable(Library& library, Session& session, CK_OBJECT_HANDLE handle) {
    const auto object = library.find_object(session, handle);
    require(object != nullptr && object->key(), CKR_KEY_HANDLE_INVALID);
    require(object->object_class() != CKO_PUBLIC_KEY, CKR_KEY_NOT_WRAPPABLE);
    const bool extractable = *object->attribute(CKA_EXTRACTABLE) == ByteVector{CK_TRUE};
    require(extractable && object->object_class() == CKO_SECRET_KEY, CKR_KEY_UNEXTRACTABLE);
    // CKA_TRUSTED is nobody's to set here: no wrapping key has it.
    require(*object->attribute(CKA_WRAP_WITH_TRUSTED) != ByteVector{CK_TRUE}, CKR_KEY_NOT_WRAPPABLE);
    return object->key()->host->secret;
}

}  // namespace

SEALKEY_EXPORT CK_RV C_WrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE wrapping,
                               CK_OBJECT_HANDLE key, Byte* out, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        require(mechanism != nullptr && length != nullptr, CKR_ARGUMENTS_BAD);
        call.note("session %lu, mechanism %lx, key %lu", handle, mechanism->mechanism, wrapping);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_WRAP);
        const Key with = renaming({{CKR_KEY_HANDLE_INVALID, CKR_WRAPPING_KEY_HANDLE_INVALID},
                                   {CKR_KEY_TYPE_INCONSISTENT, CKR_WRAPPING_KEY_TYPE_INCONSISTENT}},
                                  [&] { return library.key(session, wrapping, row, CKF_WRAP); });
        const ByteVector& secret = wrappable(library, session, key);
        CipherOperation operation(row, *mechanism, with, true);
        if (!has_room(out, length, operation.longest(secret.size()))) return;
        const auto wrapped = renaming({{CKR_DATA_LEN_RANGE, CKR_KEY_SIZE_RANGE}},
                                      [&] { return operation.finish(library.card(session), handle, secret); });
        give(wrapped, out, length);
    });
}

SEALKEY_EXPORT CK_RV C_UnwrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE unwrapping,
                                 Byte* data, CK_ULONG size, CK_ATTRIBUTE* wanted, CK_ULONG count,
                                 CK_OBJECT_HANDLE* made) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        require(mechanism != nullptr && made != nullptr, CKR_ARGUMENTS_BAD);
        call.note("session %lu, mechanism %lx, key %lu", handle, mechanism->mechanism, unwrapping);
        const auto given = template_of(wanted, count);
        const ByteView wrapped = input(data, size);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_UNWRAP);
        const Key with = renaming({{CKR_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID},
                                   {CKR_KEY_TYPE_INCONSISTENT, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT}},
                                  [&] { return library.key(session, unwrapping, row, CKF_UNWRAP); });
        // A template that can't be met, whatever the length, costs no operation.
        check_secret_template(given);
        library.require_login_for_private(session, given);
        CipherOperation operation(row, *mechanism, with, false);
        const Wiped secret{renaming({{CKR_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID},
                                     {CKR_ENCRYPTED_DATA_INVALID, CKR_WRAPPED_KEY_INVALID},
                                     {CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_WRAPPED_KEY_LEN_RANGE}},
                                    [&] { return operation.finish(library.card(session), handle, wrapped); })};
        *made = library.add_session_object(session, make_secret(given, Making::unwrap, secret.bytes));
    });
}

// --- derivation ---

SEALKEY_EXPORT CK_RV C_DeriveKey(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE base,
                                 CK_ATTRIBUTE* wanted, CK_ULONG count, CK_OBJECT_HANDLE* derived) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        require(mechanism != nullptr && derived != nullptr, CKR_ARGUMENTS_BAD);
        call.note("session %lu, mechanism %lx, key %lu", handle, mechanism->mechanism, base);
        const auto given = template_of(wanted, count);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_DERIVE);
        const Key key = library.key(session, base, row, CKF_DERIVE);
        const EcdhParameters parameters = parse_ecdh(*mechanism, *key.algorithm);
        const std::size_t field = key.algorithm->bytes();
        const bool kdf = parameters.kdf != Hash::none;
        const std::size_t size = kdf ? length_in(given).value_or(hash_size(parameters.kdf)) : field;
        require(size <= 4096, CKR_KEY_SIZE_RANGE);
        // A template that can't be met costs no operation.
        library.require_login_for_private(session, given);
        static_cast<void>(make_secret(given, Making::derive, ByteVector(size)));
        const Wiped shared{library.card(session).derive(handle, key, parameters.point)};
        require(shared.bytes.size() == field, CKR_DEVICE_ERROR);
        const Wiped secret{kdf ? x963_kdf(parameters.kdf, shared.bytes, parameters.shared_data, size) : shared.bytes};
        *derived = library.add_session_object(session, make_secret(given, Making::derive, secret.bytes));
    });
}

// --- random numbers ---

SEALKEY_EXPORT CK_RV C_SeedRandom(CK_SESSION_HANDLE handle, Byte* seed, CK_ULONG length) {
    return call_session(__func__, handle, [&](auto&, auto&, auto&) {
        static_cast<void>(input(seed, length));
        refuse(CKR_RANDOM_SEED_NOT_SUPPORTED);
    });
}

SEALKEY_EXPORT CK_RV C_GenerateRandom(CK_SESSION_HANDLE handle, Byte* out, CK_ULONG length) {
    return call_session(__func__, handle, [&](Library&, Session&, auto&) {
        require(out != nullptr || length == 0, CKR_ARGUMENTS_BAD);
        random_bytes({out, length});
    });
}

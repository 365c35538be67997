// Encryption, decryption, derivation and random numbers (PKCS#11 2.40, 5.8, 5.9, 5.14 and 5.15).
#include "base/bytes.h"
#include "entry.h"

using namespace sealkey::pkcs11;

SEALKEY_EXPORT CK_RV C_EncryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key_handle) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require(mechanism != nullptr, CKR_ARGUMENTS_BAD);
        require(!session.encrypt, CKR_OPERATION_ACTIVE);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_ENCRYPT);
        session.encrypt.emplace(row, *mechanism, library.key(session, key_handle, CKO_PUBLIC_KEY, CKA_ENCRYPT));
    });
}

SEALKEY_EXPORT CK_RV C_Encrypt(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size, unsigned char* out,
                               CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require(session.encrypt.has_value(), CKR_OPERATION_NOT_INITIALIZED);
        if (!has_room(out, length, session.encrypt->ciphertext_size())) return;
        struct End {
            Session& session;
            ~End() { session.encrypt.reset(); }
        } end{session};
        give(session.encrypt->encrypt(library.card(session), input(data, size)), out, length);
    });
}

SEALKEY_EXPORT CK_RV C_DecryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key_handle) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        require(mechanism != nullptr, CKR_ARGUMENTS_BAD);
        call.note("session %lu, mechanism %lx, key %lu", handle, mechanism->mechanism, key_handle);
        require(!session.decrypt, CKR_OPERATION_ACTIVE);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_DECRYPT);
        const TokenKey key = library.key(session, key_handle, CKO_PRIVATE_KEY, CKA_DECRYPT);
        library.card(session).drop_authorisation(handle);
        session.decrypt.emplace(row, *mechanism, key);
    });
}

SEALKEY_EXPORT CK_RV C_Decrypt(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size, unsigned char* out,
                               CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require(session.decrypt.has_value(), CKR_OPERATION_NOT_INITIALIZED);
        require(length != nullptr, CKR_ARGUMENTS_BAD);
        if (out == nullptr) {
            // The true length would cost an operation of the token: the longest there can be.
            *length = session.decrypt->longest_plaintext();
            return;
        }
        Card& card = library.card(session);
        struct End {
            Session& session;
            Card& card;
            bool keep = false;
            ~End() {
                if (keep) return;
                session.decrypt.reset();
                card.drop_authorisation(session.handle);
            }
        } end{session, card};
        const ByteVector& plaintext = session.decrypt->decrypt(card, handle, input(data, size));
        end.keep = *length < plaintext.size();
        if (has_room(out, length, plaintext.size())) give(plaintext, out, length);
    });
}

SEALKEY_EXPORT CK_RV C_DeriveKey(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE base,
                                 CK_ATTRIBUTE* wanted, CK_ULONG count, CK_OBJECT_HANDLE* derived) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        require(mechanism != nullptr && derived != nullptr, CKR_ARGUMENTS_BAD);
        require(wanted != nullptr || count == 0, CKR_ARGUMENTS_BAD);
        call.note("session %lu, mechanism %lx, key %lu", handle, mechanism->mechanism, base);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_DERIVE);
        const TokenKey key = library.key(session, base, CKO_PRIVATE_KEY, CKA_DERIVE);
        require_key_type(row, *key.algorithm);
        const ByteVector point = parse_ecdh(*mechanism, *key.algorithm);
        // A template that can't be met costs no operation.
        const std::span<const CK_ATTRIBUTE> given(wanted, count);
        static_cast<void>(derived_secret(given, ByteVector(key.algorithm->bytes())));
        ByteVector secret = library.card(session).derive(handle, key, point);
        const bool sound = secret.size() == key.algorithm->bytes();
        auto object = sound ? derived_secret(given, secret) : nullptr;
        sealkey::wipe(secret);
        require(sound, CKR_DEVICE_ERROR);
        *derived = library.add_session_object(session, std::move(object));
    });
}

SEALKEY_EXPORT CK_RV C_SeedRandom(CK_SESSION_HANDLE handle, unsigned char*, CK_ULONG) {
    return call_session(__func__, handle, [](auto&, auto&, auto&) { refuse(CKR_RANDOM_SEED_NOT_SUPPORTED); });
}

SEALKEY_EXPORT CK_RV C_GenerateRandom(CK_SESSION_HANDLE handle, unsigned char* out, CK_ULONG length) {
    return call_session(__func__, handle, [&](Library&, Session&, auto&) {
        require(out != nullptr || length == 0, CKR_ARGUMENTS_BAD);
        random_bytes({out, length});
    });
}

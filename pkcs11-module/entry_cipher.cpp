// Encryption, decryption and the functions that do two things at once (PKCS#11 2.40, 5.8, 5.9 and 5.13).
#include "base/bytes.h"
#include "entry.h"

using namespace sealkey::pkcs11;

namespace {

void begin_cipher(Library& library, Session& session, bool encrypt, const CK_MECHANISM* mechanism,
                  CK_OBJECT_HANDLE key_handle, log::Call& call) {
    auto& operation = encrypt ? session.encrypt : session.decrypt;
    Card& card = library.card(session);
    if (!begins(operation, mechanism)) return;
    call.note("session %lu, mechanism %lx, key %lu", session.handle, mechanism->mechanism, key_handle);
    const CK_FLAGS use = encrypt ? CKF_ENCRYPT : CKF_DECRYPT;
    const Mechanism& row = find_mechanism(mechanism->mechanism, use);
    const Key key = library.key(session, key_handle, row, use);
    if (!encrypt) card.drop_authorisation(session.handle);
    // Between this key's PIN and the operation there is no room for a look at the status.
    if (!encrypt && key.pin_always) card.require_current(key);
    operation.emplace(row, *mechanism, key, encrypt);
}

// The end of an operation: the whole in one part, or what is left after the parts.
void finish_cipher(Library& library, Session& session, bool encrypt, const void* data, CK_ULONG size, bool one_part,
                   void* out, CK_ULONG* length) {
    Ending ending(encrypt ? session.encrypt : session.decrypt);
    if (one_part) ending.require_no_parts();
    const ByteView last = input(data, size);
    // A ciphertext's length is known before; a plaintext's is not, and what a private key has done for a buffer that is
    // too small stays for the next call.
    if ((encrypt || out == nullptr) && !ending.has_room(out, length, ending->longest(last.size()))) return;
    require(length != nullptr, CKR_ARGUMENTS_BAD);
    const ByteVector& result = ending->finish(library.card(session), session.handle, last);
    if (*length < result.size()) ending->keep_for(last);
    if (ending.has_room(out, length, result.size())) give(result, out, length);
}

// Some more of the input, and what it gives.
void update_cipher(Session& session, bool encrypt, const void* data, CK_ULONG size, void* out, CK_ULONG* length) {
    Ending ending(encrypt ? session.encrypt : session.decrypt);
    const ByteView part = input(data, size);
    if (!ending.has_room(out, length, ending->update_size(part.size()))) return;
    ByteVector result = ending->update(part);
    give(result, out, length);
    sealkey::wipe(result);
    ending.keep();
}

using Byte = unsigned char;

}  // namespace

SEALKEY_EXPORT CK_RV C_EncryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        begin_cipher(library, session, true, mechanism, key, call);
    });
}

SEALKEY_EXPORT CK_RV C_Encrypt(CK_SESSION_HANDLE handle, Byte* data, CK_ULONG size, Byte* out, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        finish_cipher(library, session, true, data, size, true, out, length);
    });
}

SEALKEY_EXPORT CK_RV C_EncryptUpdate(CK_SESSION_HANDLE handle, Byte* data, CK_ULONG size, Byte* out, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        update_cipher(session, true, data, size, out, length);
    });
}

SEALKEY_EXPORT CK_RV C_EncryptFinal(CK_SESSION_HANDLE handle, Byte* out, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        finish_cipher(library, session, true, nullptr, 0, false, out, length);
    });
}

SEALKEY_EXPORT CK_RV C_DecryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        begin_cipher(library, session, false, mechanism, key, call);
    });
}

SEALKEY_EXPORT CK_RV C_Decrypt(CK_SESSION_HANDLE handle, Byte* data, CK_ULONG size, Byte* out, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        finish_cipher(library, session, false, data, size, true, out, length);
    });
}

SEALKEY_EXPORT CK_RV C_DecryptUpdate(CK_SESSION_HANDLE handle, Byte* data, CK_ULONG size, Byte* out, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        update_cipher(session, false, data, size, out, length);
    });
}

SEALKEY_EXPORT CK_RV C_DecryptFinal(CK_SESSION_HANDLE handle, Byte* out, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        finish_cipher(library, session, false, nullptr, 0, false, out, length);
    });
}

// --- two at once: the first is done only where there is room for the second's output ---

namespace {

// Encrypts a part whose plaintext another operation takes too.
template <class Operation>
void encrypt_too(Session& session, std::optional<Operation>& other, ByteView part, void* out, CK_ULONG* length) {
    Ending beside(other);
    beside.keep();
    Ending ending(session.encrypt);
    if (!ending.has_room(out, length, ending->update_size(part.size()))) return;
    beside->update(part);
    give(ending->update(part), out, length);
    ending.keep();
}

// Decrypts a part whose plaintext another operation takes too.
template <class Operation>
void decrypt_too(Session& session, std::optional<Operation>& other, ByteView part, void* out, CK_ULONG* length) {
    Ending beside(other);
    beside.keep();
    Ending ending(session.decrypt);
    if (!ending.has_room(out, length, ending->update_size(part.size()))) return;
    ByteVector plaintext = ending->update(part);
    beside->update(plaintext);
    give(plaintext, out, length);
    sealkey::wipe(plaintext);
    ending.keep();
}

}  // namespace

SEALKEY_EXPORT CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE handle, Byte* data, CK_ULONG size, Byte* out,
                                           CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        encrypt_too(session, session.digest, input(data, size), out, length);
    });
}

SEALKEY_EXPORT CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE handle, Byte* data, CK_ULONG size, Byte* out,
                                         CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        encrypt_too(session, session.sign, input(data, size), out, length);
    });
}

SEALKEY_EXPORT CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE handle, Byte* data, CK_ULONG size, Byte* out,
                                           CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        decrypt_too(session, session.digest, input(data, size), out, length);
    });
}

SEALKEY_EXPORT CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE handle, Byte* data, CK_ULONG size, Byte* out,
                                           CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        decrypt_too(session, session.verify, input(data, size), out, length);
    });
}

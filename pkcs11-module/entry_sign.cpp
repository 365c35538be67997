// Digests, signatures and their verification (PKCS#11 2.40, 5.10 to 5.12).
#include "entry.h"

using namespace sealkey::pkcs11;

// --- digests ---

SEALKEY_EXPORT CK_RV C_DigestInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism) {
    return call_session(__func__, handle, [&](Library&, Session& session, log::Call& call) {
        if (!begins(session.digest, mechanism)) return;
        call.note("session %lu, mechanism %lx", handle, mechanism->mechanism);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_DIGEST);
        require(mechanism->ulParameterLen == 0, CKR_MECHANISM_PARAM_INVALID);
        session.digest.emplace(row.hash);
    });
}

namespace {

void finish_digest(Session& session, const void* data, CK_ULONG size, bool one_part, void* out, CK_ULONG* length) {
    Ending ending(session.digest);
    if (one_part) ending.require_no_parts();
    const ByteView last = one_part ? input(data, size) : ByteView();
    if (!ending.has_room(out, length, ending->size())) return;
    ending->update(last);
    give(ending->finish(), out, length);
}

}  // namespace

SEALKEY_EXPORT CK_RV C_Digest(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size, unsigned char* out,
                              CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        finish_digest(session, data, size, true, out, length);
    });
}

SEALKEY_EXPORT CK_RV C_DigestUpdate(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        Ending ending(session.digest);
        ending->update(input(data, size));
        ending.keep();
    });
}

SEALKEY_EXPORT CK_RV C_DigestKey(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE key) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        Ending ending(session.digest);
        const auto object = library.find_object(session, key);
        require(object != nullptr && object->key(), CKR_KEY_HANDLE_INVALID);
        require(object->object_class() == CKO_SECRET_KEY, CKR_KEY_INDIGESTIBLE);
        ending->update(object->key()->host->secret);
        ending.keep();
    });
}

SEALKEY_EXPORT CK_RV C_DigestFinal(CK_SESSION_HANDLE handle, unsigned char* out, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        finish_digest(session, nullptr, 0, false, out, length);
    });
}

// --- signatures ---

SEALKEY_EXPORT CK_RV C_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key_handle) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        if (!begins(session.sign, mechanism)) return;
        call.note("session %lu, mechanism %lx, key %lu", handle, mechanism->mechanism, key_handle);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_SIGN);
        const Key key = library.key(session, key_handle, row, CKF_SIGN);
        library.card(session).drop_authorisation(handle);
        session.sign.emplace(row, *mechanism, key);
    });
}

namespace {

void finish_signature(Library& library, Session& session, std::optional<MessageOperation>& operation, const void* data,
                      CK_ULONG size, bool one_part, void* out, CK_ULONG* length) {
    Ending ending(operation);
    if (one_part) ending.require_no_parts();
    const ByteView last = one_part ? input(data, size) : ByteView();
    if (!ending.has_room(out, length, ending->signature_size())) return;
    Card& card = library.card(session);
    if (one_part) ending->update(last);
    give(ending->sign(card, session.handle), out, length);
}

}  // namespace

SEALKEY_EXPORT CK_RV C_Sign(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size, unsigned char* out,
                            CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        finish_signature(library, session, session.sign, data, size, true, out, length);
    });
}

SEALKEY_EXPORT CK_RV C_SignUpdate(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        Ending ending(session.sign);
        ending->update(input(data, size));
        ending.keep();
    });
}

SEALKEY_EXPORT CK_RV C_SignFinal(CK_SESSION_HANDLE handle, unsigned char* out, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        finish_signature(library, session, session.sign, nullptr, 0, false, out, length);
    });
}

SEALKEY_EXPORT CK_RV C_SignRecoverInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key_handle) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        if (!begins(session.sign_recover, mechanism)) return;
        call.note("session %lu, mechanism %lx, key %lu", handle, mechanism->mechanism, key_handle);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_SIGN_RECOVER);
        const Key key = library.key(session, key_handle, row, CKF_SIGN_RECOVER);
        library.card(session).drop_authorisation(handle);
        session.sign_recover.emplace(row, *mechanism, key);
    });
}

SEALKEY_EXPORT CK_RV C_SignRecover(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size, unsigned char* out,
                                   CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        finish_signature(library, session, session.sign_recover, data, size, true, out, length);
    });
}

// --- verification ---

namespace {

void begin_verification(Library& library, Session& session, std::optional<MessageOperation>& operation,
                        const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key, CK_FLAGS use, log::Call& call) {
    if (!begins(operation, mechanism)) return;
    call.note("session %lu, mechanism %lx, key %lu", session.handle, mechanism->mechanism, key);
    const Mechanism& row = find_mechanism(mechanism->mechanism, use);
    operation.emplace(row, *mechanism, library.key(session, key, row, use));
}

}  // namespace

SEALKEY_EXPORT CK_RV C_VerifyInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        begin_verification(library, session, session.verify, mechanism, key, CKF_VERIFY, call);
    });
}

SEALKEY_EXPORT CK_RV C_Verify(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size, unsigned char* signature,
                              CK_ULONG length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        Ending ending(session.verify);
        ending.require_no_parts();
        ending->update(input(data, size));
        ending->verify(library.card(session), input(signature, length));
    });
}

SEALKEY_EXPORT CK_RV C_VerifyUpdate(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        Ending ending(session.verify);
        ending->update(input(data, size));
        ending.keep();
    });
}

SEALKEY_EXPORT CK_RV C_VerifyFinal(CK_SESSION_HANDLE handle, unsigned char* signature, CK_ULONG length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        Ending ending(session.verify);
        ending->verify(library.card(session), input(signature, length));
    });
}

SEALKEY_EXPORT CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        begin_verification(library, session, session.verify_recover, mechanism, key, CKF_VERIFY_RECOVER, call);
    });
}

SEALKEY_EXPORT CK_RV C_VerifyRecover(CK_SESSION_HANDLE handle, unsigned char* signature, CK_ULONG size,
                                     unsigned char* out, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        Ending ending(session.verify_recover);
        const ByteVector data = ending->recover(library.card(session), input(signature, size));
        if (ending.has_room(out, length, data.size())) give(data, out, length);
    });
}

// Digests, signatures and their verification (PKCS#11 2.40, 5.10 to 5.12).
#include "entry.h"

using namespace sealkey::pkcs11;

namespace {

// An operation that ends with this call unless it is kept: on a question for the length, or for want of room.
template <class Operation>
class Ending {
public:
    explicit Ending(std::optional<Operation>& operation) : operation_(operation) {
        require(operation_.has_value(), CKR_OPERATION_NOT_INITIALIZED);
    }
    ~Ending() {
        if (!kept_) operation_.reset();
    }
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;
    Operation& operator*() { return *operation_; }
    Operation* operator->() { return &*operation_; }
    void keep() { kept_ = true; }

private:
    std::optional<Operation>& operation_;
    bool kept_ = false;
};

}  // namespace

// --- digests ---

SEALKEY_EXPORT CK_RV C_DigestInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism) {
    return call_session(__func__, handle, [&](Library&, Session& session, log::Call& call) {
        require(mechanism != nullptr, CKR_ARGUMENTS_BAD);
        call.note("session %lu, mechanism %lx", handle, mechanism->mechanism);
        require(!session.digest, CKR_OPERATION_ACTIVE);
        session.digest.emplace(find_mechanism(mechanism->mechanism, CKF_DIGEST).hash);
    });
}

namespace {

void finish_digest(Session& session, const void* data, CK_ULONG size, bool one_part, void* out, CK_ULONG* length) {
    require(session.digest.has_value(), CKR_OPERATION_NOT_INITIALIZED);
    require(!one_part || !session.digest->updated(), CKR_OPERATION_ACTIVE);
    if (!has_room(out, length, session.digest->size())) return;
    Ending ending(session.digest);
    if (one_part) ending->update(input(data, size));
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
        require(session.digest.has_value(), CKR_OPERATION_NOT_INITIALIZED);
        session.digest->update(input(data, size));
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
        require(mechanism != nullptr, CKR_ARGUMENTS_BAD);
        call.note("session %lu, mechanism %lx, key %lu", handle, mechanism->mechanism, key_handle);
        require(!session.sign, CKR_OPERATION_ACTIVE);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_SIGN);
        const TokenKey key = library.key(session, key_handle, CKO_PRIVATE_KEY, CKA_SIGN);
        // NSS never logs in between a hashed PSS and its parts; refused, it hashes by itself and does.
        const bool hashed_pss = row.scheme == Scheme::rsa_pss && row.hash != Hash::none;
        require(!(key.pin_always && hashed_pss), CKR_MECHANISM_INVALID);
        library.card(session).drop_authorisation(handle);
        session.sign.emplace(row, *mechanism, key);
    });
}

namespace {

void finish_signature(Library& library, Session& session, const void* data, CK_ULONG size, bool one_part, void* out,
                      CK_ULONG* length) {
    require(session.sign.has_value(), CKR_OPERATION_NOT_INITIALIZED);
    require(!one_part || !session.sign->updated(), CKR_OPERATION_ACTIVE);
    if (!has_room(out, length, session.sign->signature_size())) return;
    Card& card = library.card(session);
    struct Release {
        Card& card;
        CK_SESSION_HANDLE session;
        ~Release() { card.drop_authorisation(session); }
    } release{card, session.handle};
    Ending ending(session.sign);
    if (one_part) ending->update(input(data, size));
    give(ending->sign(card, session.handle), out, length);
}

}  // namespace

SEALKEY_EXPORT CK_RV C_Sign(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size, unsigned char* out,
                            CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        finish_signature(library, session, data, size, true, out, length);
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
        finish_signature(library, session, nullptr, 0, false, out, length);
    });
}

// --- verification ---

SEALKEY_EXPORT CK_RV C_VerifyInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key_handle) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require(mechanism != nullptr, CKR_ARGUMENTS_BAD);
        require(!session.verify, CKR_OPERATION_ACTIVE);
        const Mechanism& row = find_mechanism(mechanism->mechanism, CKF_VERIFY);
        session.verify.emplace(row, *mechanism, library.key(session, key_handle, CKO_PUBLIC_KEY, CKA_VERIFY));
    });
}

SEALKEY_EXPORT CK_RV C_Verify(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG size, unsigned char* signature,
                              CK_ULONG length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require(session.verify.has_value(), CKR_OPERATION_NOT_INITIALIZED);
        require(!session.verify->updated(), CKR_OPERATION_ACTIVE);
        Ending ending(session.verify);
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

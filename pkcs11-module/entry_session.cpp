// Session management and login (PKCS#11 2.40, 5.6).
#include "cryptoki3.h"
#include "entry.h"

using namespace sealkey::pkcs11;

SEALKEY_EXPORT CK_RV C_OpenSession(CK_SLOT_ID id, CK_FLAGS flags, void*, CK_NOTIFY, CK_SESSION_HANDLE* handle) {
    return call_slot(__func__, id, [&](Library& library) {
        require(handle != nullptr, CKR_ARGUMENTS_BAD);
        require((flags & CKF_SERIAL_SESSION) != 0, CKR_SESSION_PARALLEL_NOT_SUPPORTED);
        library.slots().refresh();
        Card& card = library.slots().card(id);
        card.refresh_if_stale();
        require((flags & CKF_RW_SESSION) != 0 || !card.managed(), CKR_SESSION_READ_WRITE_SO_EXISTS);
        *handle = library.open_session(id, (flags & CKF_RW_SESSION) != 0);
    });
}

SEALKEY_EXPORT CK_RV C_CloseSession(CK_SESSION_HANDLE handle) {
    return call_session(__func__, handle, [&](Library& library, Session&, auto&) { library.close_session(handle); });
}

SEALKEY_EXPORT CK_RV C_CloseAllSessions(CK_SLOT_ID id) {
    return call_slot(__func__, id, [&](Library& library) {
        static_cast<void>(library.slots().at(id));
        library.close_sessions(id);
    });
}

SEALKEY_EXPORT CK_RV C_GetSessionInfo(CK_SESSION_HANDLE handle, CK_SESSION_INFO* info) {
    return call_library(__func__, [&](Library& library, log::Call& call) {
        call.note("session %lu", handle);
        require(info != nullptr, CKR_ARGUMENTS_BAD);
        // The programs that poll this look for removal.
        library.slots().refresh();
        const Session& session = library.session(handle);
        const Card& card = library.card(session);
        const bool user = card.logged_in();
        *info = {};
        info->slotID = session.slot;
        info->flags = CKF_SERIAL_SESSION | (session.read_write ? CKF_RW_SESSION : 0);
        info->state = session.read_write ? (user ? CKS_RW_USER_FUNCTIONS : CKS_RW_PUBLIC_SESSION)
                                         : (user ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION);
        if (card.managed()) info->state = CKS_RW_SO_FUNCTIONS;
    });
}

namespace {

void log_in(Library& library, Session& session, CK_USER_TYPE user, const unsigned char* pin, CK_ULONG length) {
    require(pin != nullptr, CKR_ARGUMENTS_BAD);
    Card& card = library.card(session);
    if (user == CKU_CONTEXT_SPECIFIC) {
        require(session.wants_pin(), CKR_OPERATION_NOT_INITIALIZED);
        card.authorise(session.handle, input(pin, length));
        return;
    }
    require(user == CKU_USER || user == CKU_SO, CKR_USER_TYPE_INVALID);
    const bool officer = user == CKU_SO;
    require(officer ? !card.managed() : !card.logged_in(), CKR_USER_ALREADY_LOGGED_IN);
    require(!card.managed() && !card.logged_in(), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    if (!officer) return card.login(input(pin, length));
    const std::size_t all = library.session_count(session.slot, false);
    require(all == library.session_count(session.slot, true), CKR_SESSION_READ_ONLY_EXISTS);
    card.manage_login(input(pin, length));
}

}  // namespace

SEALKEY_EXPORT CK_RV C_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, unsigned char* pin, CK_ULONG length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        call.note("session %lu, user %lu", handle, user);
        log_in(library, session, user, pin, length);
    });
}

SEALKEY_EXPORT CK_RV C_LoginUser(CK_SESSION_HANDLE handle, CK_USER_TYPE user, unsigned char* pin, CK_ULONG length,
                                 unsigned char* name, CK_ULONG name_length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        call.note("session %lu, user %lu", handle, user);
        require(name != nullptr || name_length == 0, CKR_ARGUMENTS_BAD);
        // A token has one user and no names: a named one isn't there, and no PIN is tried for it.
        require(name_length == 0, CKR_USER_TYPE_INVALID);
        log_in(library, session, user, pin, length);
    });
}

SEALKEY_EXPORT CK_RV C_Logout(CK_SESSION_HANDLE handle) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        Card& card = library.card(session);
        if (card.managed()) return card.manage_logout();
        require(card.logged_in(), CKR_USER_NOT_LOGGED_IN);
        library.end_private_operations(session.slot);
        card.logout();
    });
}

SEALKEY_EXPORT CK_RV C_SessionCancel(CK_SESSION_HANDLE handle, CK_FLAGS flags) {
    return call_session(__func__, handle, [&](Library&, Session& session, log::Call& call) {
        call.note("session %lu, flags %lx", handle, flags);
        // What isn't going on is passed over.
        if ((flags & CKF_FIND_OBJECTS) != 0) session.find.reset();
        if ((flags & CKF_DIGEST) != 0) session.digest.reset();
        if ((flags & CKF_ENCRYPT) != 0) session.encrypt.reset();
        if ((flags & CKF_VERIFY) != 0) session.verify.reset();
        if ((flags & CKF_VERIFY_RECOVER) != 0) session.verify_recover.reset();
        if ((flags & CKF_SIGN) != 0) session.sign.reset();
        if ((flags & CKF_SIGN_RECOVER) != 0) session.sign_recover.reset();
        if ((flags & CKF_DECRYPT) != 0) session.decrypt.reset();
    });
}

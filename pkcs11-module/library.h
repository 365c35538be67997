// The library between C_Initialize and C_Finalize: slots, sessions and session objects, under one lock.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>

#include "lock.h"
#include "session.h"
#include "slots.h"

namespace sealkey::pkcs11 {

class Library {
public:
    // CKR_ARGUMENTS_BAD, CKR_CANT_LOCK
    explicit Library(const CK_C_INITIALIZE_ARGS* arguments);

    Lock& lock() { return *lock_; }
    SlotTable& slots() { return slots_; }

    // --- sessions ---
    [[nodiscard]] CK_SESSION_HANDLE open_session(CK_SLOT_ID slot, bool read_write);
    // CKR_SESSION_HANDLE_INVALID
    [[nodiscard]] Session& session(CK_SESSION_HANDLE handle);
    void close_session(CK_SESSION_HANDLE handle);
    void close_sessions(CK_SLOT_ID slot);
    // A login for one operation goes with the operation, however that ended.
    void settle(CK_SLOT_ID slot, CK_SESSION_HANDLE handle) noexcept;
    [[nodiscard]] std::size_t session_count(CK_SLOT_ID slot, bool read_write_only) const;
    // After a logout: what was begun with private keys ends.
    void end_private_operations(CK_SLOT_ID slot);
    // The token of a session. CKR_DEVICE_REMOVED if it can't be reached any more.
    [[nodiscard]] Card& card(const Session& session);

    // --- objects as a session sees them: private ones after the login alone ---
    [[nodiscard]] std::shared_ptr<Object> find_object(Session& session, CK_OBJECT_HANDLE handle);  // nullptr
    [[nodiscard]] std::vector<CK_OBJECT_HANDLE> find_objects(Session& session, std::span<const CK_ATTRIBUTE> wanted);
    // C_CreateObject.
    [[nodiscard]] CK_OBJECT_HANDLE create(Session& session, std::span<const CK_ATTRIBUTE> given);
    // CKA_PRIVATE true without a login: CKR_USER_NOT_LOGGED_IN
    void require_login_for_private(const Session& session, std::span<const CK_ATTRIBUTE> given);
    [[nodiscard]] CK_OBJECT_HANDLE add_session_object(const Session& session, std::shared_ptr<Object> object);
    // A session object that may be changed. CKR_OBJECT_HANDLE_INVALID; CKR_ACTION_PROHIBITED: it is the token's.
    [[nodiscard]] Object& session_object(Session& session, CK_OBJECT_HANDLE handle);
    // CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED
    void destroy_object(Session& session, CK_OBJECT_HANDLE handle);
    // The key for this use (CKF_SIGN and so on) of a mechanism. CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT,
    // CKR_USER_NOT_LOGGED_IN, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_MECHANISM_INVALID
    [[nodiscard]] Key key(Session& session, CK_OBJECT_HANDLE handle, const Mechanism& mechanism, CK_FLAGS use);

    // --- slot events; the lock is held at the call and given up while it waits ---
    // CKR_NO_EVENT; CKR_CRYPTOKI_NOT_INITIALIZED when C_Finalize ends the wait.
    [[nodiscard]] CK_SLOT_ID wait_for_event(bool block);
    // C_Finalize: everything is closed, and waiting threads go.
    void finish();
    [[nodiscard]] bool finished() const { return finished_; }

private:
    struct SessionObject {
        CK_SESSION_HANDLE owner;
        CK_SLOT_ID slot;
        std::shared_ptr<Object> object;
    };

    // Whether the session may see it or not.
    [[nodiscard]] std::shared_ptr<Object> any_object(Session& session, CK_OBJECT_HANDLE handle);

    std::unique_ptr<Lock> lock_;
    std::map<CK_SESSION_HANDLE, Session> sessions_;
    std::map<CK_OBJECT_HANDLE, SessionObject> session_objects_;
    SlotTable slots_;
    CK_SESSION_HANDLE last_session_ = 0;
    CK_OBJECT_HANDLE last_session_object_;
    std::set<transport::Provider*> waiting_;
    bool finished_ = false;
};

// The library of this process; CKR_CRYPTOKI_NOT_INITIALIZED before C_Initialize, after C_Finalize and in a child that
// has inherited it by fork.
[[nodiscard]] std::shared_ptr<Library> current_library();
// CKR_CRYPTOKI_ALREADY_INITIALIZED
void start_library(const CK_C_INITIALIZE_ARGS* arguments);
void stop_library();

}  // namespace sealkey::pkcs11

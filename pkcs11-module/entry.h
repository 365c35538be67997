// What every exported function shares: the log line, the library and its lock, and exceptions turned into return codes.
#pragma once

#include "library.h"
#include "log.h"

#define SEALKEY_EXPORT extern "C" __attribute__((visibility("default")))

namespace sealkey::pkcs11 {

// The return code for the exception that is being handled. `lost` is set where the connection to the card is no longer
// any good.
[[nodiscard]] CK_RV code_of_exception(bool& lost);

class Locked {
public:
    explicit Locked(Library& library) : library_(library) { library_.lock().lock(); }
    ~Locked() { library_.lock().unlock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

private:
    Library& library_;
};

// A function that needs no library.
template <class Body>
CK_RV call_bare(const char* name, Body body) {
    log::Call call(name);
    bool lost = false;
    try {
        body(call);
        return call.done(CKR_OK);
    } catch (...) {
        return call.done(code_of_exception(lost));
    }
}

// A function of the library, not of a session.
template <class Body>
CK_RV call_library(const char* name, Body body) {
    return call_bare(name, [&](log::Call& call) {
        const auto library = current_library();
        const Locked locked(*library);
        // C_Finalize may have had the lock before us.
        require(!library->finished(), CKR_CRYPTOKI_NOT_INITIALIZED);
        library->slots().drop_late_authorisations();
        body(*library, call);
    });
}

// A function about a slot. A connection that fails is given up.
template <class Body>
CK_RV call_slot(const char* name, CK_SLOT_ID slot, Body body) {
    return call_library(name, [&](Library& library, log::Call& call) {
        call.note("slot %lu", slot);
        try {
            body(library);
        } catch (...) {
            bool lost = false;
            const CK_RV code = code_of_exception(lost);
            if (lost) library.slots().lose(slot);
            refuse(code);
        }
    });
}

// A function of a session.
template <class Body>
CK_RV call_session(const char* name, CK_SESSION_HANDLE handle, Body body) {
    return call_library(name, [&](Library& library, log::Call& call) {
        call.note("session %lu", handle);
        Session& session = library.session(handle);
        const CK_SLOT_ID slot = session.slot;
        try {
            body(library, session, call);
        } catch (...) {
            bool lost = false;
            const CK_RV code = code_of_exception(lost);
            library.settle(slot, handle);
            if (lost) library.slots().lose(slot);
            refuse(code);
        }
        library.settle(slot, handle);
    });
}

// A caller's buffer of bytes: CKR_ARGUMENTS_BAD if there is none but a length.
[[nodiscard]] inline ByteView input(const void* data, CK_ULONG length) {
    require(data != nullptr || length == 0, CKR_ARGUMENTS_BAD);
    return {static_cast<const std::uint8_t*>(data), length};
}

// The convention for variable-length output (PKCS#11 2.40, 5.2): true: the caller has room for `size` bytes; false: it
// only asked for the length, which is set. CKR_BUFFER_TOO_SMALL with the length set.
[[nodiscard]] bool has_room(const void* out, CK_ULONG* length, std::size_t size);
// Writes the value after has_room().
void give(ByteView value, void* out, CK_ULONG* length);

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
    [[nodiscard]] bool kept() const { return kept_; }
    // has_room() for an operation: kept where it says so.
    [[nodiscard]] bool has_room(const void* out, CK_ULONG* length, std::size_t size) {
        kept_ = length != nullptr;
        const bool room = pkcs11::has_room(out, length, size);
        kept_ = !room;
        return room;
    }
    // A call for the whole input is out of place once there were parts: these go on.
    void require_no_parts() {
        kept_ = operation_->updated();
        require(!kept_, CKR_OPERATION_ACTIVE);
    }

private:
    std::optional<Operation>& operation_;
    bool kept_ = false;
};

// What every C_...Init begins with: true if there is an operation to begin; false if a null mechanism ended one, as
// PKCS#11 3.0 has it. CKR_ARGUMENTS_BAD, CKR_OPERATION_ACTIVE
template <class Operation>
[[nodiscard]] bool begins(std::optional<Operation>& operation, const CK_MECHANISM* mechanism) {
    if (mechanism == nullptr) {
        require(operation.has_value(), CKR_ARGUMENTS_BAD);
        operation.reset();
        return false;
    }
    require(!operation.has_value(), CKR_OPERATION_ACTIVE);
    return true;
}

// Fixed-length text fields: padded with blanks, no NUL; cut between characters of UTF-8.
void set_text(std::span<unsigned char> field, std::string_view text);

}  // namespace sealkey::pkcs11

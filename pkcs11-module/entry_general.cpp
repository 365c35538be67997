// General-purpose and slot functions (PKCS#11 2.40, 5.4 and 5.5).
#include <algorithm>

#include "entry.h"
#include "protocol/limits.h"

using namespace sealkey::pkcs11;

SEALKEY_EXPORT CK_RV C_Initialize(void* arguments) {
    return call_bare(__func__, [&](auto&) { start_library(static_cast<const CK_C_INITIALIZE_ARGS*>(arguments)); });
}

SEALKEY_EXPORT CK_RV C_Finalize(void* reserved) {
    return call_bare(__func__, [&](auto&) {
        require(reserved == nullptr, CKR_ARGUMENTS_BAD);
        stop_library();
    });
}

SEALKEY_EXPORT CK_RV C_GetInfo(CK_INFO* info) {
    return call_library(__func__, [&](Library&, auto&) {
        require(info != nullptr, CKR_ARGUMENTS_BAD);
        *info = {};
        info->cryptokiVersion = {CRYPTOKI_VERSION_MAJOR, CRYPTOKI_VERSION_MINOR};
        info->libraryVersion = {SEALKEY_VERSION_MAJOR, SEALKEY_VERSION_MINOR};
        set_text(info->manufacturerID, "sealkey");
        set_text(info->libraryDescription, "sealkey token");
    });
}

SEALKEY_EXPORT CK_RV C_GetSlotList(CK_BBOOL token_present, CK_SLOT_ID* list, CK_ULONG* count) {
    return call_library(__func__, [&](Library& library, log::Call& call) {
        require(count != nullptr, CKR_ARGUMENTS_BAD);
        library.slots().refresh_for_list(list == nullptr);
        const auto ids = library.slots().ids(token_present != CK_FALSE);
        const CK_ULONG room = *count;
        *count = ids.size();
        call.note("%s, %zu", token_present != CK_FALSE ? "with token" : "all", ids.size());
        if (list == nullptr) return;
        require(room >= ids.size(), CKR_BUFFER_TOO_SMALL);
        std::copy(ids.begin(), ids.end(), list);
    });
}

SEALKEY_EXPORT CK_RV C_GetSlotInfo(CK_SLOT_ID id, CK_SLOT_INFO* info) {
    return call_slot(__func__, id, [&](Library& library) {
        require(info != nullptr, CKR_ARGUMENTS_BAD);
        library.slots().refresh();
        const Slot& slot = library.slots().at(id);
        *info = {};
        set_text(info->slotDescription, slot.bound() ? std::string_view(slot.reader()) : "sealkey (no reader yet)");
        set_text(info->manufacturerID, "sealkey");
        info->flags = CKF_REMOVABLE_DEVICE | CKF_HW_SLOT;
        if (slot.present()) info->flags |= CKF_TOKEN_PRESENT;
    });
}

namespace {

CK_FLAGS token_flags(const sealkey::token::TokenStatus& status) {
    using sealkey::protocol::Lifecycle;
    const auto& pin = status.pin;
    CK_FLAGS flags = CKF_RNG | CKF_LOGIN_REQUIRED;
    if (status.lifecycle != Lifecycle::blank) flags |= CKF_TOKEN_INITIALIZED;
    if (status.lifecycle != Lifecycle::blank && !pin.never_set) flags |= CKF_USER_PIN_INITIALIZED;
    if (pin.blocked) {
        flags |= CKF_USER_PIN_LOCKED;
    } else if (pin.tries_left < pin.tries_max) {
        flags |= CKF_USER_PIN_COUNT_LOW;
        if (pin.tries_left == 1) flags |= CKF_USER_PIN_FINAL_TRY;
    }
    if (pin.default_value) flags |= CKF_USER_PIN_TO_BE_CHANGED;
    return flags;
}

}  // namespace

SEALKEY_EXPORT CK_RV C_GetTokenInfo(CK_SLOT_ID id, CK_TOKEN_INFO* info) {
    return call_slot(__func__, id, [&](Library& library) {
        require(info != nullptr, CKR_ARGUMENTS_BAD);
        library.slots().refresh();
        const auto& status = library.slots().card(id).status();
        *info = {};
        set_text(info->label, "sealkey " + status.serial);
        set_text(info->manufacturerID, "sealkey");
        set_text(info->model, "sealkey");
        // 16 characters: the serial number has 12.
        set_text(info->serialNumber, status.serial);
        set_text({reinterpret_cast<unsigned char*>(info->utcTime), sizeof(info->utcTime)}, "");
        info->flags = token_flags(status);
        info->ulMaxSessionCount = CK_EFFECTIVELY_INFINITE;
        info->ulSessionCount = library.session_count(id, false);
        info->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
        info->ulRwSessionCount = library.session_count(id, true);
        info->ulMinPinLen = sealkey::protocol::kMinPin;
        info->ulMaxPinLen = sealkey::protocol::kPinSize;
        info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
        info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
        info->hardwareVersion = {1, 0};
        info->firmwareVersion = {status.firmware[0], status.firmware[1]};
    });
}

SEALKEY_EXPORT CK_RV C_GetMechanismList(CK_SLOT_ID id, CK_MECHANISM_TYPE* list, CK_ULONG* count) {
    return call_slot(__func__, id, [&](Library& library) {
        require(count != nullptr, CKR_ARGUMENTS_BAD);
        static_cast<void>(library.slots().card(id));
        const auto table = mechanisms();
        const CK_ULONG room = *count;
        *count = table.size();
        if (list == nullptr) return;
        require(room >= table.size(), CKR_BUFFER_TOO_SMALL);
        std::transform(table.begin(), table.end(), list, [](const Mechanism& row) { return row.type; });
    });
}

SEALKEY_EXPORT CK_RV C_GetMechanismInfo(CK_SLOT_ID id, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
    return call_slot(__func__, id, [&](Library& library) {
        require(info != nullptr, CKR_ARGUMENTS_BAD);
        static_cast<void>(library.slots().card(id));
        const Mechanism& row = find_mechanism(type, 0);
        *info = {row.min_size, row.max_size, row.flags};
    });
}

SEALKEY_EXPORT CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID* slot, void* reserved) {
    return call_library(__func__, [&](Library& library, auto&) {
        require(slot != nullptr && reserved == nullptr, CKR_ARGUMENTS_BAD);
        *slot = library.wait_for_event((flags & CKF_DONT_BLOCK) == 0);
    });
}

SEALKEY_EXPORT CK_RV C_SetPIN(CK_SESSION_HANDLE handle, unsigned char* old_pin, CK_ULONG old_length,
                              unsigned char* new_pin, CK_ULONG new_length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require(old_pin != nullptr && new_pin != nullptr, CKR_ARGUMENTS_BAD);
        require(session.read_write, CKR_SESSION_READ_ONLY);
        Card& card = library.card(session);
        // Whose PIN it is: the officer's where the officer is logged in, else the user's.
        if (card.managed()) return card.change_management_key(input(old_pin, old_length), input(new_pin, new_length));
        card.change_pin(input(old_pin, old_length), input(new_pin, new_length));
    });
}

SEALKEY_EXPORT CK_RV C_InitPIN(CK_SESSION_HANDLE handle, unsigned char* pin, CK_ULONG length) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require(pin != nullptr, CKR_ARGUMENTS_BAD);
        require(session.read_write, CKR_SESSION_READ_ONLY);
        library.card(session).set_user_pin(input(pin, length));
    });
}

SEALKEY_EXPORT CK_RV C_InitToken(CK_SLOT_ID id, unsigned char* pin, CK_ULONG, unsigned char* label) {
    return call_slot(__func__, id, [&](Library& library) {
        require(pin != nullptr && label != nullptr, CKR_ARGUMENTS_BAD);
        const Card& card = library.slots().card(id);
        require(library.session_count(id, false) == 0, CKR_SESSION_EXISTS);
        // A token is emptied by the CA (sealkey-bench), or with its PIN and PUK locked: never by a PIN alone.
        const bool ours = card.status().profile == sealkey::protocol::Profile::compatibility;
        refuse(ours ? CKR_FUNCTION_NOT_SUPPORTED : CKR_TOKEN_WRITE_PROTECTED);
    });
}

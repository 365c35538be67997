// Why a code of the standard's lists isn't provoked, and why some are given that aren't in them.
#include "conformance.h"

namespace sealkey::test::conformance {

namespace {

using Names = std::vector<std::string_view>;

// Functions of a session that work on what the host has.
const Names kHostsOwn = {
    "C_CloseSession",        "C_CloseAllSessions",
    "C_GetOperationState",   "C_SetOperationState",
    "C_FindObjects",         "C_FindObjectsFinal",
    "C_EncryptUpdate",       "C_DecryptUpdate",
    "C_DigestInit",          "C_Digest",
    "C_DigestUpdate",        "C_DigestFinal",
    "C_SignUpdate",          "C_VerifyUpdate",
    "C_DigestEncryptUpdate", "C_DecryptDigestUpdate",
    "C_SignEncryptUpdate",   "C_DecryptVerifyUpdate",
    "C_SeedRandom",          "C_GenerateRandom",
};
// Those that need a token to be there, and send it nothing.
const Names kSendNothing = {
    "C_GetSessionInfo", "C_CopyObject",      "C_SetAttributeValue", "C_EncryptInit",       "C_DigestKey",
    "C_SignInit",       "C_SignRecoverInit", "C_VerifyInit",        "C_VerifyRecoverInit", "C_GenerateKey",
};
// Those of a slot, whose first command is the one that tells what the card is.
const Names kOfSlots = {"C_GetTokenInfo", "C_GetMechanismList", "C_GetMechanismInfo", "C_InitToken"};
const Names kNeverLock = {"C_Initialize", "C_Finalize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"};
const Names kOfLibrary = {"C_GetInfo",          "C_GetSlotList",       "C_GetSlotInfo",
                          "C_WaitForSlotEvent", "C_GetFunctionStatus", "C_CancelFunction"};

void add(std::vector<Unprovoked>& all, const Names& functions, CK_RV code, std::string_view reason) {
    for (const std::string_view function : functions) all.push_back({function, code, reason});
}

// What a token, its reader and the host answer by being broken. No wildcard: what isn't named here is provoked.
std::vector<Unprovoked> without_failures() {
    static constexpr std::string_view kNothingSent = "it sends nothing";
    static constexpr std::string_view kOurs = "only a fault of the module's own gives it";
    static constexpr std::string_view kNoSealkey = "a card that refuses its status is CKR_TOKEN_NOT_RECOGNIZED";
    std::vector<Unprovoked> all;
    for (const Names* some : {&kHostsOwn, &kSendNothing}) {
        for (const CK_RV code : {CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_FUNCTION_FAILED}) {
            add(all, *some, code, kNothingSent);
        }
    }
    for (const CK_RV code : {CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_FUNCTION_FAILED}) {
        add(all, {"C_FindObjectsInit"}, code, "what can't be read now is left out of what is found");
        add(all, {"C_SessionCancel"}, code, "what it would close on the token, a token that fails or goes has closed");
    }
    add(all, {"C_SessionCancel"}, CKR_DEVICE_REMOVED,
        "what it would close on the token, a token that fails or goes has closed");
    add(all, kHostsOwn, CKR_DEVICE_REMOVED, "it needs no token");
    add(all, {"C_GetSessionInfo"}, CKR_DEVICE_REMOVED, "it looks at the readers first: the session has gone, too");
    for (const CK_RV code : {CKR_DEVICE_MEMORY, CKR_FUNCTION_FAILED}) add(all, kOfSlots, code, kNoSealkey);
    add(all, kOfSlots, CKR_DEVICE_REMOVED, "a card that goes under its first command is CKR_TOKEN_NOT_PRESENT");
    add(all, {"C_GetMechanismList", "C_GetMechanismInfo", "C_InitToken"}, CKR_DEVICE_ERROR,
        "the slot is looked at as by C_GetTokenInfo, whose row waits five seconds for a silent card");
    add(all, {"C_GetSlotInfo"}, CKR_DEVICE_ERROR, "readers that nobody can list have gone: the slot is empty");
    for (const Names* some : {&kNeverLock, &kOfLibrary}) add(all, *some, CKR_FUNCTION_FAILED, kOurs);
    add(all, kNeverLock, CKR_GENERAL_ERROR, kOurs);
    add(all, {"C_Finalize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"}, CKR_HOST_MEMORY,
        "a test that runs out of memory has none left to tell it");
    return all;
}

std::vector<Unprovoked> others() {
    static constexpr std::string_view kShipping = "the shipping profile: tests/integration/pkcs11_shipping.py";
    static constexpr std::string_view kOneKindOfPair = "curves are named: no parameters come from a caller";
    return {
        {kMessages, CKR_OK, "no mechanism has a message form: nothing can be begun, so nothing goes on"},
        // Anywhere.
        {"", CKR_SESSION_CLOSED, "a call has the library to itself: nobody closes its session meanwhile"},
        {"", CKR_FUNCTION_CANCELED, "no call asks the application whether it should go on"},
        {"", CKR_PIN_EXPIRED, "no PIN expires"},
        {"", CKR_OPERATION_CANCEL_FAILED, "what was begun can be ended at any time"},
        {"", CKR_KEY_SIZE_RANGE, "a key of a size that no mechanism takes can't come to be"},
        {"", CKR_RANDOM_NO_RNG, "the host's own generator is always there"},
        {"", CKR_USER_TOO_MANY_TYPES, "one user more is CKR_USER_ANOTHER_ALREADY_LOGGED_IN"},
        {"", CKR_USER_PIN_NOT_INITIALIZED, "a key that was never activated: tests/integration/pkcs11_pcscd.py"},
        {"", CKR_DOMAIN_PARAMS_INVALID, kOneKindOfPair},
        {"", kTokenResourceExceeded, "no key counts its signatures"},
        {"C_CreateObject", CKR_TOKEN_WRITE_PROTECTED, kShipping},
        {"C_GenerateKeyPair", CKR_TOKEN_WRITE_PROTECTED, kShipping},
        {"C_InitToken", CKR_TOKEN_WRITE_PROTECTED, kShipping},
        // Some functions.
        {"C_Initialize", CKR_NEED_TO_CREATE_THREADS, "the module makes no threads"},
        {"C_InitToken", CKR_OK, "no token is emptied here"},
        {"C_InitToken", CKR_PIN_INCORRECT, "refused before any PIN is tried"},
        {"C_InitToken", CKR_PIN_LOCKED, "refused before any PIN is tried"},
        {"C_InitPIN", CKR_PIN_INVALID, "this profile has no rule for PINs but their length"},
        {"C_SetPIN", CKR_PIN_INVALID, kShipping},
        {"C_OpenSession", CKR_SESSION_COUNT, "there are as many sessions as memory holds"},
        {"C_OpenSession", CKR_TOKEN_WRITE_PROTECTED,
         "a read-write session may be opened everywhere: C_SetPIN needs it"},
        {"C_SetPIN", CKR_TOKEN_WRITE_PROTECTED, "the PIN is the user's own in each profile"},
        {"C_CloseAllSessions", CKR_TOKEN_NOT_PRESENT, "a slot without a token has no sessions: they are all closed"},
        {"C_GetOperationState", CKR_OK, "no operation's state can be told"},
        {"C_GetOperationState", CKR_BUFFER_TOO_SMALL, "no operation's state can be told"},
        {"C_SetOperationState", CKR_OK, "no state was ever told"},
        {"C_SetOperationState", CKR_KEY_CHANGED, "no state was ever told"},
        {"C_SetOperationState", CKR_KEY_NEEDED, "no state was ever told"},
        {"C_SetOperationState", CKR_KEY_NOT_NEEDED, "no state was ever told"},
        {"C_GetFunctionStatus", CKR_OK, "the standard has one answer for it"},
        {"C_CancelFunction", CKR_OK, "the standard has one answer for it"},
        {"C_GetObjectSize", CKR_INFORMATION_SENSITIVE, "the sizes of its attributes are no secret"},
        {"C_FindObjectsInit", CKR_ATTRIBUTE_TYPE_INVALID, "what no object has finds nothing"},
        {"C_DestroyObject", CKR_TOKEN_WRITE_PROTECTED, "no object of the shipping profile is destroyable"},
        {"C_CopyObject", CKR_SESSION_READ_ONLY, "copies are session objects, which a read-only session may make"},
        {"C_CopyObject", CKR_TOKEN_WRITE_PROTECTED, "no copy goes to the token: CKR_TEMPLATE_INCONSISTENT"},
        {"C_SetAttributeValue", CKR_SESSION_READ_ONLY, "objects of the token change for nobody: CKR_ACTION_PROHIBITED"},
        {"C_SetAttributeValue", CKR_TOKEN_WRITE_PROTECTED,
         "objects of the token change for nobody: CKR_ACTION_PROHIBITED"},
        {"C_SetAttributeValue", CKR_USER_NOT_LOGGED_IN, "a private object isn't there: CKR_OBJECT_HANDLE_INVALID"},
        {"C_SignRecoverInit", CKR_KEY_FUNCTION_NOT_PERMITTED, "every RSA private key is for it"},
        {"C_EncryptInit", CKR_USER_NOT_LOGGED_IN, "public keys need no login; private session keys go with it"},
        {"C_VerifyInit", CKR_USER_NOT_LOGGED_IN, "public keys need no login; private session keys go with it"},
        {"C_VerifyRecoverInit", CKR_USER_NOT_LOGGED_IN, "public keys need no login; private session keys go with it"},
        {"C_DigestInit", CKR_USER_NOT_LOGGED_IN, "digests need no login"},
        {"C_DecryptUpdate", CKR_ENCRYPTED_DATA_INVALID, "padding is looked at by the final call"},
        {"C_DecryptDigestUpdate", CKR_ENCRYPTED_DATA_INVALID, "padding is looked at by the final call"},
        {"C_DecryptVerifyUpdate", CKR_ENCRYPTED_DATA_INVALID, "padding is looked at by the final call"},
        {"C_DecryptUpdate", CKR_USER_NOT_LOGGED_IN, "the token is asked by the final call"},
        {"C_SignUpdate", CKR_USER_NOT_LOGGED_IN, "the token is asked by the final call"},
        {"C_SignEncryptUpdate", CKR_USER_NOT_LOGGED_IN, "the token is asked by the final call"},
        {"C_Sign", CKR_FUNCTION_REJECTED, "the token has nothing to ask its user by"},
        {"C_SignFinal", CKR_FUNCTION_REJECTED, "the token has nothing to ask its user by"},
        {"C_Verify", CKR_DATA_INVALID, "data of any content may be signed: CKR_SIGNATURE_INVALID"},
        {"C_VerifyRecover", CKR_DATA_INVALID, "it has no data of the caller's"},
        {"C_VerifyRecover", CKR_DATA_LEN_RANGE, "it has no data of the caller's"},
        {"C_GenerateKey", CKR_CURVE_NOT_SUPPORTED, "secret keys have none"},
        {"C_UnwrapKey", CKR_CURVE_NOT_SUPPORTED, "secret keys have none"},
        {"C_DeriveKey", CKR_CURVE_NOT_SUPPORTED, "secret keys have none; the base key's is the token's"},
        {"C_GenerateKey", CKR_SESSION_READ_ONLY, "session objects, which a read-only session may make"},
        {"C_UnwrapKey", CKR_SESSION_READ_ONLY, "session objects, which a read-only session may make"},
        {"C_DeriveKey", CKR_SESSION_READ_ONLY, "session objects, which a read-only session may make"},
        {"C_GenerateKey", CKR_TOKEN_WRITE_PROTECTED, "no secret key goes to the token: CKR_TEMPLATE_INCONSISTENT"},
        {"C_UnwrapKey", CKR_TOKEN_WRITE_PROTECTED, "no secret key goes to the token: CKR_TEMPLATE_INCONSISTENT"},
        {"C_DeriveKey", CKR_TOKEN_WRITE_PROTECTED, "no secret key goes to the token: CKR_TEMPLATE_INCONSISTENT"},
        {"C_GenerateKey", CKR_OPERATION_ACTIVE, "what else goes on in the session is no hindrance"},
        {"C_GenerateKeyPair", CKR_OPERATION_ACTIVE, "what else goes on in the session is no hindrance"},
        {"C_WrapKey", CKR_OPERATION_ACTIVE, "what else goes on in the session is no hindrance"},
        {"C_UnwrapKey", CKR_OPERATION_ACTIVE, "what else goes on in the session is no hindrance"},
        {"C_DeriveKey", CKR_OPERATION_ACTIVE, "what else goes on in the session is no hindrance"},
        {"C_SeedRandom", CKR_OPERATION_ACTIVE, "what else goes on in the session is no hindrance"},
        {"C_GenerateRandom", CKR_OPERATION_ACTIVE, "what else goes on in the session is no hindrance"},
        {"C_SeedRandom", CKR_OK, "no seed is taken"},
        {"C_SeedRandom", CKR_USER_NOT_LOGGED_IN, "random numbers need no login"},
        {"C_GenerateRandom", CKR_USER_NOT_LOGGED_IN, "random numbers need no login"},
        {"C_GenerateKeyPair", CKR_ATTRIBUTE_READ_ONLY, "label, subject and use are the slot's, whatever is given"},
        {"C_GenerateKeyPair", CKR_ATTRIBUTE_TYPE_INVALID, "label, subject and use are the slot's, whatever is given"},
        {"C_UnwrapKey", CKR_TEMPLATE_INCOMPLETE, "what isn't given has a value without it"},
        {"C_DeriveKey", CKR_TEMPLATE_INCOMPLETE, "what isn't given has a value without it"},
        {"C_UnwrapKey", CKR_BUFFER_TOO_SMALL, "it gives nothing but a handle"},
        {"C_WrapKey", CKR_USER_NOT_LOGGED_IN, "public keys need no login; private session keys go with it"},
        {"C_WrapKey", CKR_WRAPPING_KEY_SIZE_RANGE, "a key of a size that no mechanism takes can't come to be"},
        {"C_UnwrapKey", CKR_UNWRAPPING_KEY_SIZE_RANGE, "a key of a size that no mechanism takes can't come to be"},
    };
}

std::vector<Unprovoked> also_given() {
    std::vector<Unprovoked> all = {
        {"C_InitToken", CKR_FUNCTION_NOT_SUPPORTED, "5.1 allows it everywhere; nobody empties a token here"},
        {"C_DestroyObject", CKR_USER_NOT_LOGGED_IN, "the officer's to destroy"},
        {"C_Digest", CKR_OPERATION_ACTIVE, "after parts"},
        {"C_GenerateKey", CKR_KEY_SIZE_RANGE, "no such size: 4.10 of the mechanisms has it"},
        {"C_GenerateKeyPair", CKR_KEY_SIZE_RANGE, "no such size: 2.1 of the mechanisms has it"},
        {"C_WrapKey", CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_WRAP is false"},
        {"C_UnwrapKey", CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_UNWRAP is false"},
        {"C_DeriveKey", CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_DERIVE is false"},
        {"C_EncryptInit", CKR_ARGUMENTS_BAD, "no mechanism, and nothing that it could end"},
        {"C_MessageEncryptInit", CKR_ARGUMENTS_BAD, "no mechanism, and nothing that it could end"},
    };
    add(all,
        {"C_Sign", "C_SignFinal", "C_SignRecover", "C_Decrypt", "C_DecryptFinal", "C_Encrypt", "C_EncryptFinal",
         "C_Verify", "C_VerifyFinal", "C_VerifyRecover"},
        CKR_KEY_HANDLE_INVALID, "the key behind the operation's handle was replaced: nothing is done with the new one");
    for (const Standard& one : standard()) {
        if (!is_message_function(one.function)) continue;
        all.push_back(
            {one.function, CKR_FUNCTION_NOT_SUPPORTED, "5.1 allows it everywhere; C_GetMechanismInfo says so"});
    }
    return all;
}

}  // namespace

const std::vector<Unprovoked>& unprovoked() {
    static const auto reasons = [] {
        auto all = others();
        for (const Unprovoked& one : without_failures()) all.push_back(one);
        return all;
    }();
    return reasons;
}

// Besides, any function answers 80005EA1 while another program holds the reader: tests/integration/pkcs11_pcscd.py.
const std::vector<Unprovoked>& beyond() {
    static const auto reasons = also_given();
    return reasons;
}

}  // namespace sealkey::test::conformance

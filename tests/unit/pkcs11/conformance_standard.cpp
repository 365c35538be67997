// The standard's own lists: PKCS#11 2.40 and 3.0, chapter 5, "return values"; what both or the later one names.
#include <algorithm>

#include "conformance.h"

namespace sealkey::test::conformance {

namespace {

using Codes = std::vector<CK_RV>;

Codes with(const Codes& some, const Codes& more) {
    Codes all = some;
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

const Codes kBare = {CKR_OK, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_HOST_MEMORY};
const Codes kLibrary = with(kBare, {CKR_CRYPTOKI_NOT_INITIALIZED});
const Codes kOnDevice = with(kLibrary, {CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED});
const Codes kSession = with(kOnDevice, {CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED});
const Codes kToken =
    with(kOnDevice, {CKR_ARGUMENTS_BAD, CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED});
// Functions of a session that may take long, and take a pointer.
const Codes kLong = with(kSession, {CKR_ARGUMENTS_BAD, CKR_FUNCTION_CANCELED});
const Codes kCredentials =
    with(kLong, {CKR_PIN_LEN_RANGE, CKR_PIN_INVALID, CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED});
const Codes kLogins =
    with(kLong, {CKR_OPERATION_NOT_INITIALIZED, CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_SESSION_READ_ONLY_EXISTS,
                 CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_USER_PIN_NOT_INITIALIZED,
                 CKR_USER_TOO_MANY_TYPES, CKR_USER_TYPE_INVALID});
const Codes kChanges = with(
    kSession, {CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
               CKR_SESSION_READ_ONLY, CKR_TEMPLATE_INCONSISTENT, CKR_TOKEN_WRITE_PROTECTED, CKR_USER_NOT_LOGGED_IN});
// The functions that begin with a key. C_EncryptInit and its message form name no CKR_ARGUMENTS_BAD.
const Codes kBegins = {CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE,
                       CKR_KEY_TYPE_INCONSISTENT,      CKR_MECHANISM_INVALID,  CKR_MECHANISM_PARAM_INVALID,
                       CKR_OPERATION_ACTIVE,           CKR_PIN_EXPIRED,        CKR_USER_NOT_LOGGED_IN,
                       CKR_OPERATION_CANCEL_FAILED};
const Codes kEncryptInit = with(with(kSession, {CKR_FUNCTION_CANCELED}), kBegins);
const Codes kInit = with(kLong, kBegins);
const Codes kFeed = with(kLong, {CKR_OPERATION_NOT_INITIALIZED});
const Codes kGive = with(kFeed, {CKR_BUFFER_TOO_SMALL});
const Codes kEncrypt = with(kGive, {CKR_DATA_LEN_RANGE});
const Codes kDecrypt = with(kGive, {CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE});
const Codes kDecryptEnd = with(kDecrypt, {CKR_USER_NOT_LOGGED_IN});
const Codes kSignEnd = {CKR_DATA_LEN_RANGE, CKR_USER_NOT_LOGGED_IN, kTokenResourceExceeded};
const Codes kSign = with(with(kGive, {CKR_FUNCTION_REJECTED}), kSignEnd);
const Codes kVerifyUpdate = with(kFeed, {CKR_DATA_LEN_RANGE, kTokenResourceExceeded});
const Codes kVerify = with(kVerifyUpdate, {CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE});
const Codes kMakesKey =
    with(kChanges, {CKR_FUNCTION_CANCELED, CKR_CURVE_NOT_SUPPORTED, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
                    CKR_OPERATION_ACTIVE, CKR_PIN_EXPIRED, CKR_TEMPLATE_INCOMPLETE});
const Codes kRandom = with(kLong, {CKR_OPERATION_ACTIVE, CKR_RANDOM_NO_RNG, CKR_USER_NOT_LOGGED_IN});
const Codes kParallel = with(
    kBare, {CKR_CRYPTOKI_NOT_INITIALIZED, CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_FUNCTION_NOT_PARALLEL});
// The message functions: of one process, of one message in it, and of its parts.
const Codes kMessage = with(kFeed, {CKR_OPERATION_ACTIVE});
const Codes kOneMessage = with(kMessage, {CKR_MECHANISM_PARAM_INVALID});
const Codes kOpensMessage = with(kOneMessage, {CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN});
const Codes kDecryptMessage =
    with(kOneMessage, {CKR_BUFFER_TOO_SMALL, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
                       kAeadDecryptFailed, CKR_USER_NOT_LOGGED_IN});
const Codes kSignMessage = with(with(kOneMessage, {CKR_BUFFER_TOO_SMALL, CKR_FUNCTION_REJECTED}), kSignEnd);
const Codes kVerifyMessage =
    with(kOneMessage, {CKR_DATA_LEN_RANGE, CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, kTokenResourceExceeded});

Codes without(Codes all, const Codes& some) {
    std::erase_if(all, [&](CK_RV code) { return std::find(some.begin(), some.end(), code) != some.end(); });
    return all;
}

std::vector<Standard> message_functions() {
    const Codes end = with(kMessage, {CKR_USER_NOT_LOGGED_IN});
    const Codes begin = without(kOpensMessage, {CKR_ARGUMENTS_BAD});
    const Codes init = without(kInit, {CKR_OPERATION_CANCEL_FAILED});
    return {
        {"C_MessageEncryptInit", kEncryptInit},
        {"C_EncryptMessage", with(kOneMessage, {CKR_BUFFER_TOO_SMALL, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE})},
        {"C_EncryptMessageBegin", begin},
        {"C_EncryptMessageNext", with(kOneMessage, {CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE})},
        {"C_MessageEncryptFinal", kMessage},
        {"C_MessageDecryptInit", kInit},
        {"C_DecryptMessage", with(kDecryptMessage, {CKR_OPERATION_CANCEL_FAILED})},
        {"C_DecryptMessageBegin", kOpensMessage},
        {"C_DecryptMessageNext", kDecryptMessage},
        {"C_MessageDecryptFinal", end},
        {"C_MessageSignInit", init},
        {"C_SignMessage", with(kSignMessage, {CKR_DATA_INVALID})},
        {"C_SignMessageBegin", with(kOpensMessage, {kTokenResourceExceeded})},
        {"C_SignMessageNext", kSignMessage},
        {"C_MessageSignFinal", with(end, {CKR_FUNCTION_REJECTED, kTokenResourceExceeded})},
        {"C_MessageVerifyInit", init},
        {"C_VerifyMessage", with(kVerifyMessage, {CKR_DATA_INVALID})},
        {"C_VerifyMessageBegin", kOpensMessage},
        {"C_VerifyMessageNext", kVerifyMessage},
        {"C_MessageVerifyFinal", with(kMessage, {kTokenResourceExceeded})},
    };
}

std::vector<Standard> first_half() {
    return {
        {"C_Initialize",
         with(kBare, {CKR_ARGUMENTS_BAD, CKR_CANT_LOCK, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_NEED_TO_CREATE_THREADS})},
        {"C_Finalize", with(kLibrary, {CKR_ARGUMENTS_BAD})},
        {"C_GetInfo", with(kLibrary, {CKR_ARGUMENTS_BAD})},
        {"C_GetFunctionList", with(kBare, {CKR_ARGUMENTS_BAD})},
        {"C_GetInterfaceList", with(kBare, {CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL})},
        {"C_GetInterface", with(kBare, {CKR_ARGUMENTS_BAD})},
        {"C_GetSlotList", with(kLibrary, {CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL})},
        {"C_GetSlotInfo", with(kLibrary, {CKR_ARGUMENTS_BAD, CKR_DEVICE_ERROR, CKR_SLOT_ID_INVALID})},
        {"C_GetTokenInfo", kToken},
        {"C_WaitForSlotEvent", with(kLibrary, {CKR_ARGUMENTS_BAD, CKR_NO_EVENT})},
        {"C_GetMechanismList", with(kToken, {CKR_BUFFER_TOO_SMALL})},
        {"C_GetMechanismInfo", with(kToken, {CKR_MECHANISM_INVALID})},
        {"C_InitToken", with(kToken, {CKR_FUNCTION_CANCELED, CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_SESSION_EXISTS,
                                      CKR_TOKEN_WRITE_PROTECTED})},
        {"C_InitPIN", with(kCredentials, {CKR_USER_NOT_LOGGED_IN})},
        {"C_SetPIN", with(kCredentials, {CKR_PIN_INCORRECT, CKR_PIN_LOCKED})},
        {"C_OpenSession", with(kToken, {CKR_SESSION_COUNT, CKR_SESSION_PARALLEL_NOT_SUPPORTED,
                                        CKR_SESSION_READ_WRITE_SO_EXISTS, CKR_TOKEN_WRITE_PROTECTED})},
        {"C_CloseSession", kSession},
        {"C_CloseAllSessions", with(kOnDevice, {CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT})},
        {"C_GetSessionInfo", with(kSession, {CKR_ARGUMENTS_BAD})},
        {"C_SessionCancel", with(kSession, {CKR_OPERATION_CANCEL_FAILED})},
        {"C_GetOperationState", with(kSession, {CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_OPERATION_NOT_INITIALIZED,
                                                CKR_STATE_UNSAVEABLE})},
        {"C_SetOperationState", with(kSession, {CKR_ARGUMENTS_BAD, CKR_KEY_CHANGED, CKR_KEY_NEEDED, CKR_KEY_NOT_NEEDED,
                                                CKR_SAVED_STATE_INVALID})},
        {"C_Login", kLogins},
        {"C_LoginUser", kLogins},
        {"C_Logout", with(kSession, {CKR_USER_NOT_LOGGED_IN})},
        {"C_CreateObject", with(kChanges, {CKR_CURVE_NOT_SUPPORTED, CKR_DOMAIN_PARAMS_INVALID, CKR_PIN_EXPIRED,
                                           CKR_TEMPLATE_INCOMPLETE})},
        {"C_CopyObject", with(kChanges, {CKR_ACTION_PROHIBITED, CKR_OBJECT_HANDLE_INVALID, CKR_PIN_EXPIRED})},
        {"C_DestroyObject", with(kSession, {CKR_ACTION_PROHIBITED, CKR_OBJECT_HANDLE_INVALID, CKR_PIN_EXPIRED,
                                            CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED})},
        {"C_GetObjectSize", with(kSession, {CKR_ARGUMENTS_BAD, CKR_INFORMATION_SENSITIVE, CKR_OBJECT_HANDLE_INVALID})},
        {"C_GetAttributeValue", with(kSession, {CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID,
                                                CKR_BUFFER_TOO_SMALL, CKR_OBJECT_HANDLE_INVALID})},
        {"C_SetAttributeValue", with(kChanges, {CKR_ACTION_PROHIBITED, CKR_OBJECT_HANDLE_INVALID})},
        {"C_FindObjectsInit", with(kSession, {CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_TYPE_INVALID,
                                              CKR_ATTRIBUTE_VALUE_INVALID, CKR_OPERATION_ACTIVE, CKR_PIN_EXPIRED})},
        {"C_FindObjects", with(kSession, {CKR_ARGUMENTS_BAD, CKR_OPERATION_NOT_INITIALIZED})},
        {"C_FindObjectsFinal", with(kSession, {CKR_OPERATION_NOT_INITIALIZED})},
    };
}

std::vector<Standard> second_half() {
    return {
        {"C_EncryptInit", kEncryptInit},
        {"C_Encrypt", with(kEncrypt, {CKR_DATA_INVALID})},
        {"C_EncryptUpdate", kEncrypt},
        {"C_EncryptFinal", kEncrypt},
        {"C_DecryptInit", kInit},
        {"C_Decrypt", kDecryptEnd},
        {"C_DecryptUpdate", kDecryptEnd},
        {"C_DecryptFinal", kDecryptEnd},
        {"C_DigestInit", with(kLong, {CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_OPERATION_ACTIVE,
                                      CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN, CKR_OPERATION_CANCEL_FAILED})},
        {"C_Digest", kGive},
        {"C_DigestUpdate", kFeed},
        {"C_DigestKey", with(kSession, {CKR_FUNCTION_CANCELED, CKR_KEY_HANDLE_INVALID, CKR_KEY_INDIGESTIBLE,
                                        CKR_KEY_SIZE_RANGE, CKR_OPERATION_NOT_INITIALIZED})},
        {"C_DigestFinal", kGive},
        {"C_SignInit", kInit},
        {"C_Sign", with(kSign, {CKR_DATA_INVALID})},
        {"C_SignUpdate", with(kFeed, kSignEnd)},
        {"C_SignFinal", kSign},
        {"C_SignRecoverInit", kInit},
        {"C_SignRecover", with(with(kGive, kSignEnd), {CKR_DATA_INVALID})},
        {"C_VerifyInit", kInit},
        {"C_Verify", with(kVerify, {CKR_DATA_INVALID})},
        {"C_VerifyUpdate", kVerifyUpdate},
        {"C_VerifyFinal", kVerify},
        {"C_VerifyRecoverInit", kInit},
        {"C_VerifyRecover", with(kVerify, {CKR_DATA_INVALID, CKR_BUFFER_TOO_SMALL})},
        {"C_DigestEncryptUpdate", kEncrypt},
        {"C_DecryptDigestUpdate", kDecrypt},
        {"C_SignEncryptUpdate", with(kEncrypt, {CKR_USER_NOT_LOGGED_IN})},
        {"C_DecryptVerifyUpdate", with(kDecrypt, {CKR_DATA_LEN_RANGE})},
        {"C_GenerateKey", kMakesKey},
        {"C_GenerateKeyPair", with(kMakesKey, {CKR_DOMAIN_PARAMS_INVALID})},
        {"C_WrapKey",
         with(kLong, {CKR_BUFFER_TOO_SMALL, CKR_KEY_HANDLE_INVALID, CKR_KEY_NOT_WRAPPABLE, CKR_KEY_SIZE_RANGE,
                      CKR_KEY_UNEXTRACTABLE, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_OPERATION_ACTIVE,
                      CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN, CKR_WRAPPING_KEY_HANDLE_INVALID,
                      CKR_WRAPPING_KEY_SIZE_RANGE, CKR_WRAPPING_KEY_TYPE_INCONSISTENT})},
        {"C_UnwrapKey",
         with(kMakesKey, {CKR_BUFFER_TOO_SMALL, CKR_DOMAIN_PARAMS_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID,
                          CKR_UNWRAPPING_KEY_SIZE_RANGE, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, CKR_WRAPPED_KEY_INVALID,
                          CKR_WRAPPED_KEY_LEN_RANGE})},
        {"C_DeriveKey", with(kMakesKey, {CKR_DOMAIN_PARAMS_INVALID, CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE,
                                         CKR_KEY_TYPE_INCONSISTENT})},
        {"C_SeedRandom", with(kRandom, {CKR_RANDOM_SEED_NOT_SUPPORTED})},
        {"C_GenerateRandom", kRandom},
        {"C_GetFunctionStatus", kParallel},
        {"C_CancelFunction", kParallel},
    };
}

}  // namespace

const std::vector<Standard>& standard() {
    static const std::vector<Standard> all = [] {
        auto list = first_half();
        for (auto& one : second_half()) list.push_back(std::move(one));
        for (auto& one : message_functions()) list.push_back(std::move(one));
        return list;
    }();
    return all;
}

}  // namespace sealkey::test::conformance

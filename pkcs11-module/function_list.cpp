// The tables of functions, PKCS#11 2.40 and 3.0, and how a program asks for them.
#include <array>
#include <cstring>
#include <string_view>

#include "cryptoki3.h"
#include "entry.h"

using namespace sealkey::pkcs11;

namespace {

// The version that each list's own C_GetInfo tells: a program that took the one hears nothing of the other.
CK_RV get_info_3_0(CK_INFO* info) {
    const CK_RV code = C_GetInfo(info);
    if (code == CKR_OK) info->cryptokiVersion = {3, 0};
    return code;
}

// Not const in the standard's types; nobody has reason to write them.
#define SEALKEY_FUNCTION(name) .name = (name),
CK_FUNCTION_LIST function_list = {.version = {2, 40}, SEALKEY_FUNCTIONS_2_40(SEALKEY_FUNCTION)};
#undef SEALKEY_FUNCTION
#define SEALKEY_FUNCTION(name) name,
constexpr CK_FUNCTION_LIST_3_0 make_function_list_3_0() {
    CK_FUNCTION_LIST_3_0 list = {{3, 0},
                                 SEALKEY_FUNCTIONS_2_40(SEALKEY_FUNCTION) SEALKEY_FUNCTIONS_3_0(SEALKEY_FUNCTION)};
    list.C_GetInfo = get_info_3_0;
    return list;
}
#undef SEALKEY_FUNCTION
constinit CK_FUNCTION_LIST_3_0 function_list_3_0 = make_function_list_3_0();

// The first is what a program gets that has no wish. No CKF_INTERFACE_FORK_SAFE: a child begins with C_Initialize.
char interface_name[] = "PKCS 11";
auto* const name_bytes = reinterpret_cast<unsigned char*>(interface_name);
CK_INTERFACE interfaces[] = {
    {name_bytes, &function_list_3_0, 0},
    {name_bytes, &function_list, 0},
};

CK_VERSION version_of(const CK_INTERFACE& one) {
    CK_VERSION version;
    std::memcpy(&version, one.pFunctionList, sizeof(version));
    return version;
}

}  // namespace

SEALKEY_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
    if (list == nullptr) return CKR_ARGUMENTS_BAD;
    *list = &function_list;
    return CKR_OK;
}

SEALKEY_EXPORT CK_RV C_GetInterfaceList(CK_INTERFACE* list, CK_ULONG* count) {
    return call_bare(__func__, [&](auto&) {
        require(count != nullptr, CKR_ARGUMENTS_BAD);
        const CK_ULONG room = *count;
        *count = std::size(interfaces);
        if (list == nullptr) return;
        require(room >= std::size(interfaces), CKR_BUFFER_TOO_SMALL);
        std::copy(std::begin(interfaces), std::end(interfaces), list);
    });
}

SEALKEY_EXPORT CK_RV C_GetInterface(unsigned char* name, CK_VERSION* version, CK_INTERFACE** found, CK_FLAGS flags) {
    return call_bare(__func__, [&](log::Call& call) {
        require(found != nullptr, CKR_ARGUMENTS_BAD);
        call.note("%s %d.%d, flags %lx", name != nullptr ? reinterpret_cast<const char*>(name) : "any",
                  version != nullptr ? version->major : 0, version != nullptr ? version->minor : 0, flags);
        for (CK_INTERFACE& one : interfaces) {
            const CK_VERSION here = version_of(one);
            const bool named =
                name == nullptr || std::string_view(reinterpret_cast<const char*>(name)) == interface_name;
            const bool wanted = version == nullptr || (version->major == here.major && version->minor == here.minor);
            if (!named || !wanted || (one.flags & flags) != flags) continue;
            *found = &one;
            return;
        }
        refuse(CKR_ARGUMENTS_BAD);
    });
}

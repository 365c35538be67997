// Objects and searches.
#include "conformance.h"
#include "support/hex.h"

namespace sealkey::test::conformance {

namespace {

Template note() { return std::move(Template().number(CKA_CLASS, CKO_DATA).bytes(CKA_VALUE, kMessage)); }

CK_RV copy(Scene& c, CK_OBJECT_HANDLE object, Template wanted) {
    return c.f.C_CopyObject(c.s, object, wanted.data(), wanted.size(), &c.made);
}
CK_RV change(Scene& c, CK_OBJECT_HANDLE object, Template wanted) {
    return c.f.C_SetAttributeValue(c.s, object, wanted.data(), wanted.size());
}
CK_RV find(Scene& c, Template wanted) { return c.f.C_FindObjectsInit(c.s, wanted.data(), wanted.size()); }
CK_RV read(Scene& c, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG room) {
    CK_ATTRIBUTE one{type, c.b, room};
    return c.f.C_GetAttributeValue(c.s, object, &one, 1);
}
Template on_secp256k1() {
    Template wanted;
    wanted.number(CKA_CLASS, CKO_PUBLIC_KEY).number(CKA_KEY_TYPE, CKK_EC);
    wanted.bytes(CKA_EC_PARAMS, sealkey::testing::from_hex("06052B8104000A")).bytes(CKA_EC_POINT, ByteVector(67, 4));
    return wanted;
}

std::vector<Row> creation_rows() {
    return {
        SEALKEY_ROW(C_CreateObject, OK, open, return c.create(note());),
            SEALKEY_ROW(C_CreateObject, ARGUMENTS_BAD, open, return c.f.C_CreateObject(c.s, nullptr, 1, &c.made);),
            SEALKEY_ROW(C_CreateObject, ATTRIBUTE_READ_ONLY, open,
                        return c.create(std::move(note().bytes(CKA_UNIQUE_ID, kMessage)));),
            SEALKEY_ROW(C_CreateObject, ATTRIBUTE_TYPE_INVALID, open,
                        return c.create(std::move(note().bytes(CKA_MODULUS, kMessage)));),
            SEALKEY_ROW(C_CreateObject, ATTRIBUTE_VALUE_INVALID, open,
                        return c.create(std::move(note().bytes(CKA_MODIFIABLE, kMessage)));),
            SEALKEY_ROW(C_CreateObject, CURVE_NOT_SUPPORTED, open, return c.create(on_secp256k1());),
            SEALKEY_ROW(C_CreateObject, SESSION_READ_ONLY, open, c.s = c.open();
                        return c.create(std::move(note().flag(CKA_TOKEN, true)));),
            SEALKEY_ROW(C_CreateObject, TEMPLATE_INCOMPLETE, open,
                        return c.create(std::move(Template().bytes(CKA_VALUE, kMessage)));),
            SEALKEY_ROW(C_CreateObject, TEMPLATE_INCONSISTENT, open,
                        return c.create(std::move(Template().number(CKA_CLASS, CKO_PRIVATE_KEY)));),
            SEALKEY_ROW(C_CreateObject, USER_NOT_LOGGED_IN, open,
                        return c.create(std::move(note().flag(CKA_PRIVATE, true)));),
            SEALKEY_ROW(C_CreateObject, DEVICE_REMOVED, officer,
                        return c.without_token([&] { return c.write_certificate(); });),
            SEALKEY_ROW(C_CopyObject, OK, open, return copy(c, c.data(), {});),
            SEALKEY_ROW(C_CopyObject, ACTION_PROHIBITED, open, return copy(c, c.data(CKA_COPYABLE), {});),
            SEALKEY_ROW(C_CopyObject, ARGUMENTS_BAD, open,
                        return c.f.C_CopyObject(c.s, c.data(), nullptr, 1, &c.made);),
            SEALKEY_ROW(C_CopyObject, ATTRIBUTE_READ_ONLY, open,
                        return copy(c, c.data(), std::move(Template().number(CKA_CLASS, CKO_DATA)));),
            SEALKEY_ROW(C_CopyObject, ATTRIBUTE_TYPE_INVALID, open,
                        return copy(c, c.data(), std::move(Template().bytes(CKA_MODULUS, kMessage)));),
            SEALKEY_ROW(C_CopyObject, ATTRIBUTE_VALUE_INVALID, open,
                        return copy(c, c.data(), std::move(Template().bytes(CKA_MODIFIABLE, kMessage)));),
            SEALKEY_ROW(C_CopyObject, OBJECT_HANDLE_INVALID, open, return copy(c, 123456, {});),
            SEALKEY_ROW(C_CopyObject, TEMPLATE_INCONSISTENT, open,
                        return copy(c, c.data(), std::move(Template().flag(CKA_TOKEN, true)));),
            SEALKEY_ROW(C_CopyObject, USER_NOT_LOGGED_IN, open,
                        return copy(c, c.data(), std::move(Template().flag(CKA_PRIVATE, true)));),
            SEALKEY_ROW(C_DestroyObject, OK, open, return c.f.C_DestroyObject(c.s, c.data());),
            SEALKEY_ROW(C_DestroyObject, ACTION_PROHIBITED, open,
                        return c.f.C_DestroyObject(c.s, c.data(CKA_DESTROYABLE));),
            SEALKEY_ROW(C_DestroyObject, OBJECT_HANDLE_INVALID, open, return c.f.C_DestroyObject(c.s, 123456);),
            SEALKEY_ROW(C_DestroyObject, SESSION_READ_ONLY, open,
                        return c.f.C_DestroyObject(c.open(), c.certificate());),
            SEALKEY_ROW(C_DestroyObject, USER_NOT_LOGGED_IN, open, return c.f.C_DestroyObject(c.s, c.certificate());),
            SEALKEY_ROW(C_DestroyObject, DEVICE_REMOVED, officer, const auto certificate = c.certificate();
                        return c.without_token([&] { return c.f.C_DestroyObject(c.s, certificate); });),
    };
}

std::vector<Row> attribute_rows() {
    return {
        SEALKEY_ROW(C_GetObjectSize, OK, open, return c.f.C_GetObjectSize(c.s, c.certificate(), &c.length);),
            SEALKEY_ROW(C_GetObjectSize, ARGUMENTS_BAD, open,
                        return c.f.C_GetObjectSize(c.s, c.certificate(), nullptr);),
            SEALKEY_ROW(C_GetObjectSize, OBJECT_HANDLE_INVALID, open,
                        return c.f.C_GetObjectSize(c.s, 123456, &c.length);),
            SEALKEY_ROW(C_GetObjectSize, DEVICE_REMOVED, open, const auto certificate = c.unread_certificate();
                        return c.without_token([&] { return c.f.C_GetObjectSize(c.s, certificate, &c.length); });),
            SEALKEY_ROW(C_GetAttributeValue, OK, open, return read(c, c.certificate(), CKA_LABEL, 512);),
            SEALKEY_ROW(C_GetAttributeValue, ARGUMENTS_BAD, open,
                        return c.f.C_GetAttributeValue(c.s, c.certificate(), nullptr, 1);),
            SEALKEY_ROW(C_GetAttributeValue, ATTRIBUTE_SENSITIVE, user,
                        return read(c, c.private_key(kLogin), CKA_PRIVATE_EXPONENT, 512);),
            SEALKEY_ROW(C_GetAttributeValue, ATTRIBUTE_TYPE_INVALID, open,
                        return read(c, c.certificate(), CKA_MODULUS, 512);),
            SEALKEY_ROW(C_GetAttributeValue, BUFFER_TOO_SMALL, open, return read(c, c.certificate(), CKA_LABEL, 1);),
            SEALKEY_ROW(C_GetAttributeValue, OBJECT_HANDLE_INVALID, open, return read(c, 123456, CKA_LABEL, 512);),
            SEALKEY_ROW(C_GetAttributeValue, DEVICE_REMOVED, open, const auto certificate = c.unread_certificate();
                        return c.without_token([&] { return read(c, certificate, CKA_VALUE, 512); });),
            SEALKEY_ROW(C_SetAttributeValue, OK, open,
                        return change(c, c.data(), std::move(Template().bytes(CKA_LABEL, kMessage)));),
            SEALKEY_ROW(C_SetAttributeValue, ACTION_PROHIBITED, open,
                        return change(c, c.certificate(), std::move(Template().bytes(CKA_LABEL, kMessage)));),
            SEALKEY_ROW(C_SetAttributeValue, ARGUMENTS_BAD, open,
                        return c.f.C_SetAttributeValue(c.s, c.data(), nullptr, 1);),
            SEALKEY_ROW(C_SetAttributeValue, ATTRIBUTE_READ_ONLY, open,
                        return change(c, c.data(), std::move(Template().flag(CKA_PRIVATE, true)));),
            SEALKEY_ROW(C_SetAttributeValue, ATTRIBUTE_TYPE_INVALID, open,
                        return change(c, c.data(), std::move(Template().bytes(CKA_MODULUS, kMessage)));),
            SEALKEY_ROW(C_SetAttributeValue, ATTRIBUTE_VALUE_INVALID, open,
                        return change(c, c.data(), std::move(Template().bytes(CKA_COPYABLE, kMessage)));),
            SEALKEY_ROW(C_SetAttributeValue, OBJECT_HANDLE_INVALID, open, return change(c, 123456, {});),
            SEALKEY_ROW(C_SetAttributeValue, TEMPLATE_INCONSISTENT, open,
                        return change(c, c.data(),
                                      std::move(Template().bytes(CKA_LABEL, kMessage).bytes(CKA_LABEL, text("b"))));),
            SEALKEY_ROW(C_FindObjectsInit, OK, open, return find(c, {});),
            SEALKEY_ROW(C_FindObjectsInit, ARGUMENTS_BAD, open, return c.f.C_FindObjectsInit(c.s, nullptr, 1);),
            SEALKEY_ROW(C_FindObjectsInit, ATTRIBUTE_VALUE_INVALID, open, CK_ATTRIBUTE one{CKA_LABEL, nullptr, 5};
                        return c.f.C_FindObjectsInit(c.s, &one, 1);),
            SEALKEY_ROW(C_FindObjectsInit, OPERATION_ACTIVE, open, EXPECT_EQ(find(c, {}), CKR_OK); return find(c, {});),
            SEALKEY_ROW(C_FindObjectsInit, DEVICE_REMOVED, open, return c.without_token([&] {
                return find(c, std::move(Template().bytes(CKA_SUBJECT, kMessage)));
            });),
            SEALKEY_ROW(C_FindObjects, OK, open, EXPECT_EQ(find(c, {}), CKR_OK);
                        return c.f.C_FindObjects(c.s, &c.made, 1, &c.length);),
            SEALKEY_ROW(C_FindObjects, ARGUMENTS_BAD, open, EXPECT_EQ(find(c, {}), CKR_OK);
                        return c.f.C_FindObjects(c.s, nullptr, 1, &c.length);),
            SEALKEY_ROW(C_FindObjects, OPERATION_NOT_INITIALIZED, open,
                        return c.f.C_FindObjects(c.s, &c.made, 1, &c.length);),
            SEALKEY_ROW(C_FindObjectsFinal, OK, open, EXPECT_EQ(find(c, {}), CKR_OK);
                        return c.f.C_FindObjectsFinal(c.s);),
            SEALKEY_ROW(C_FindObjectsFinal, OPERATION_NOT_INITIALIZED, open, return c.f.C_FindObjectsFinal(c.s);),
    };
}

}  // namespace

std::vector<Row> object_rows() {
    auto all = creation_rows();
    for (auto& row : attribute_rows()) all.push_back(std::move(row));
    return all;
}

}  // namespace sealkey::test::conformance

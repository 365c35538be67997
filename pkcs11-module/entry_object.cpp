// Object management (PKCS#11 2.40, 5.7).
#include <algorithm>
#include <cstring>

#include "entry.h"
#include "session_objects.h"

using namespace sealkey::pkcs11;

SEALKEY_EXPORT CK_RV C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE* wanted, CK_ULONG count) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        require(wanted != nullptr || count == 0, CKR_ARGUMENTS_BAD);
        require(!session.find, CKR_OPERATION_ACTIVE);
        const std::span<const CK_ATTRIBUTE> given(wanted, count);
        for (const CK_ATTRIBUTE& one : given) {
            require(one.pValue != nullptr || one.ulValueLen == 0, CKR_ATTRIBUTE_VALUE_INVALID);
        }
        FindOperation find;
        find.found = library.find_objects(session, given);
        call.note("session %lu, %lu attributes, %zu found", handle, count, find.found.size());
        session.find = std::move(find);
    });
}

SEALKEY_EXPORT CK_RV C_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE* objects, CK_ULONG room,
                                   CK_ULONG* count) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        require(count != nullptr && (objects != nullptr || room == 0), CKR_ARGUMENTS_BAD);
        require(session.find.has_value(), CKR_OPERATION_NOT_INITIALIZED);
        auto& find = *session.find;
        const std::size_t taken = std::min<std::size_t>(room, find.found.size() - find.next);
        std::copy_n(find.found.begin() + static_cast<std::ptrdiff_t>(find.next), taken, objects);
        find.next += taken;
        *count = taken;
    });
}

SEALKEY_EXPORT CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE handle) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        require(session.find.has_value(), CKR_OPERATION_NOT_INITIALIZED);
        session.find.reset();
    });
}

namespace {

// One attribute of an answer; what is wrong with it, if anything.
CK_RV give_attribute(Object& object, CK_ATTRIBUTE& out) {
    if (object.is_sensitive(out.type)) {
        out.ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_ATTRIBUTE_SENSITIVE;
    }
    const ByteVector* value = object.attribute(out.type);
    if (value == nullptr) {
        out.ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    if (out.pValue != nullptr && out.ulValueLen < value->size()) {
        out.ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (out.pValue != nullptr && !value->empty()) std::memcpy(out.pValue, value->data(), value->size());
    out.ulValueLen = value->size();
    return CKR_OK;
}

}  // namespace

SEALKEY_EXPORT CK_RV C_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted,
                                         CK_ULONG count) {
    return call_session(__func__, handle, [&](Library& library, Session& session, log::Call& call) {
        call.note("session %lu, object %lu, %lu attributes, first %lx", handle, object, count,
                  wanted != nullptr && count > 0 ? wanted->type : 0);
        require(wanted != nullptr || count == 0, CKR_ARGUMENTS_BAD);
        const auto found = library.find_object(session, object);
        require(found != nullptr, CKR_OBJECT_HANDLE_INVALID);
        // Every attribute is answered; the first thing wrong is the return code.
        CK_RV code = CKR_OK;
        for (CK_ATTRIBUTE& one : std::span(wanted, count)) {
            const CK_RV here = give_attribute(*found, one);
            if (here != CKR_OK && log::enabled()) {
                log::line("  attribute %lx of class %lx: %s", one.type, found->object_class(), log::name_of(here));
            }
            if (code == CKR_OK) code = here;
        }
        require(code == CKR_OK, code);
    });
}

// --- session objects; those on the token are the CA's ---

SEALKEY_EXPORT CK_RV C_CreateObject(CK_SESSION_HANDLE handle, CK_ATTRIBUTE* wanted, CK_ULONG count,
                                    CK_OBJECT_HANDLE* object) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require(wanted != nullptr && object != nullptr, CKR_ARGUMENTS_BAD);
        *object = library.create(session, {wanted, count});
    });
}

SEALKEY_EXPORT CK_RV C_CopyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted,
                                  CK_ULONG count, CK_OBJECT_HANDLE* copy) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require((wanted != nullptr || count == 0) && copy != nullptr, CKR_ARGUMENTS_BAD);
        Object& original = library.session_object(session, object);
        library.require_login_for_private(session, {wanted, count});
        auto made = copy_object(original, {wanted, count});
        *copy = library.add_session_object(session, std::move(made));
    });
}

SEALKEY_EXPORT CK_RV C_SetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted,
                                         CK_ULONG count) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require(wanted != nullptr || count == 0, CKR_ARGUMENTS_BAD);
        change_object(library.session_object(session, object), {wanted, count});
    });
}

SEALKEY_EXPORT CK_RV C_GetObjectSize(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ULONG* size) {
    return call_session(__func__, handle, [&](Library& library, Session& session, auto&) {
        require(size != nullptr, CKR_ARGUMENTS_BAD);
        const auto found = library.find_object(session, object);
        require(found != nullptr, CKR_OBJECT_HANDLE_INVALID);
        // What its attributes take: the token tells no other size.
        *size = 0;
        for (const auto& [type, value] : found->whole().all()) *size += value.size();
    });
}

SEALKEY_EXPORT CK_RV C_DestroyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object) {
    return call_session(__func__, handle,
                        [&](Library& library, Session& session, auto&) { library.destroy_object(session, object); });
}

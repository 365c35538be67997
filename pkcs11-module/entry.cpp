#include "entry.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "token/error.h"
#include "transport/transport.h"

namespace sealkey::pkcs11 {

namespace {

using token::Kind;
using transport::Failure;

CK_RV code_of(Kind kind) {
    switch (kind) {
        case Kind::wrong_pin:
        case Kind::wrong_puk:
        case Kind::wrong_code:
            return CKR_PIN_INCORRECT;
        case Kind::locked:
            return CKR_PIN_LOCKED;
        case Kind::bad_data:
            return CKR_DATA_INVALID;
        case Kind::bad_argument:
            return CKR_ARGUMENTS_BAD;
        case Kind::no_space:
            return CKR_DEVICE_MEMORY;
        case Kind::not_a_sealkey:
            return CKR_TOKEN_NOT_RECOGNIZED;
        case Kind::not_allowed:
        case Kind::unsupported:
            return CKR_FUNCTION_FAILED;
        // Where a login is asked for, it is looked at there (card.cpp): from any other command it is nonsense.
        case Kind::not_verified:
        case Kind::not_found:
        case Kind::lying_token:
        case Kind::malformed_answer:
        case Kind::token_failure:
            break;
    }
    return CKR_DEVICE_ERROR;
}

CK_RV code_of(Failure failure, bool& lost) {
    switch (failure) {
        case Failure::no_reader:
        case Failure::no_card:
            lost = true;
            return CKR_DEVICE_REMOVED;
        case Failure::no_service:
            lost = true;
            return CKR_DEVICE_ERROR;
        // Another program's reset in the middle of a command that isn't sent twice. What it means for a login is said
        // where one is asked for; a PIN or a status has been answered by nobody.
        case Failure::card_reset:
            return CKR_DEVICE_ERROR;
        case Failure::in_use:
            return kReaderInUse;
        case Failure::timeout:
        case Failure::communication:
            lost = true;
            break;
    }
    return CKR_DEVICE_ERROR;
}

}  // namespace

CK_RV code_of_exception(bool& lost) {
    try {
        throw;
    } catch (const Refusal& refusal) {
        return refusal.code();
    } catch (const token::TokenError& error) {
        log::line("  %s", error.what());
        return code_of(error.kind());
    } catch (const transport::TransportError& error) {
        log::line("  %s", error.what());
        return code_of(error.failure(), lost);
    } catch (const std::bad_alloc&) {
        return CKR_HOST_MEMORY;
    } catch (const std::exception& error) {
        log::line("  %s", error.what());
        return CKR_GENERAL_ERROR;
    } catch (...) {
        return CKR_GENERAL_ERROR;
    }
}

bool has_room(const void* out, CK_ULONG* length, std::size_t size) {
    require(length != nullptr, CKR_ARGUMENTS_BAD);
    const CK_ULONG room = *length;
    if (out != nullptr && room >= size) return true;
    *length = size;
    require(out == nullptr, CKR_BUFFER_TOO_SMALL);
    return false;
}

void give(ByteView value, void* out, CK_ULONG* length) {
    if (!value.empty()) std::memcpy(out, value.data(), value.size());
    *length = value.size();
}

void set_text(std::span<unsigned char> field, std::string_view text) {
    std::size_t size = std::min(field.size(), text.size());
    // Not in the middle of a character.
    while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
    std::fill(field.begin(), field.end(), static_cast<unsigned char>(' '));
    std::copy_n(text.begin(), size, field.begin());
}

}  // namespace sealkey::pkcs11

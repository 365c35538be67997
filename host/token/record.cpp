#include "token/record.h"

#include <algorithm>

#include "base/tlv.h"
#include "protocol/limits.h"
#include "token/error.h"

namespace sealkey::token {

namespace {

constexpr std::size_t kUnifiedCodeSize = 18;
constexpr std::size_t kOldCodeSize = 13;
constexpr std::size_t kDateSize = 8;
constexpr std::size_t kMaxLoginName = 32;
constexpr std::size_t kMaxName = 600;  // bytes: 200 Chinese characters

Bytes view(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }
std::string text(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

bool is_printable_ascii(const std::string& s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

bool is_date(const std::string& s) {  // YYYYMMDD
    if (s.size() != kDateSize || !std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        return false;
    }
    const int month = (s[4] - '0') * 10 + (s[5] - '0');
    const int day = (s[6] - '0') * 10 + (s[7] - '0');
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

// Checks every rule of the fields, for both directions; `compact` dates. Returns the name of the field that breaks one.
const char* fault_of(const EnterpriseRecord& r, const std::string& issued, const std::string& valid) {
    if (r.unified_code.size() != kUnifiedCodeSize || !is_printable_ascii(r.unified_code)) return "unified code";
    if (r.old_code && (r.old_code->size() != kOldCodeSize || !is_printable_ascii(*r.old_code))) return "old code";
    if (r.login_name.empty() || r.login_name.size() > kMaxLoginName || !is_printable_ascii(r.login_name)) {
        return "login name";
    }
    if (r.enterprise_name.empty() || r.enterprise_name.size() > kMaxName || !is_clean_utf8(r.enterprise_name)) {
        return "enterprise name";
    }
    if (r.key_limit < 1 || r.key_limit > 255 || r.key_number < 1 || r.key_number > r.key_limit) return "key number";
    if (!is_date(issued)) return "date of issue";
    if (!is_date(valid) || valid < issued) return "last day of validity";
    for (const auto* name : {&r.english_name, &r.authorised_user}) {
        if (*name && ((*name)->empty() || (*name)->size() > kMaxName || !is_clean_utf8(**name))) {
            return name == &r.english_name ? "English name" : "authorised user";
        }
    }
    return nullptr;
}

std::string compact(const std::string& date) {  // YYYY-MM-DD
    if (date.size() != 10 || date[4] != '-' || date[7] != '-') return {};
    return date.substr(0, 4) + date.substr(5, 2) + date.substr(8, 2);
}
std::string spread(const std::string& date) {
    return date.substr(0, 4) + "-" + date.substr(4, 2) + "-" + date.substr(6, 2);
}

[[noreturn]] void malformed(const std::string& what) {
    throw TokenError(Kind::malformed_answer, "the enterprise record can't be read: " + what);
}

}  // namespace

bool is_clean_utf8(const std::string& s) {
    for (std::size_t i = 0; i < s.size();) {
        const auto lead = static_cast<std::uint8_t>(s[i]);
        const std::size_t more = lead < 0x80                   ? 0
                                 : lead >= 0xC2 && lead < 0xE0 ? 1
                                 : lead >= 0xE0 && lead < 0xF0 ? 2
                                 : lead >= 0xF0 && lead < 0xF5 ? 3
                                                               : 9;
        if (more == 9 || lead < 0x20 || lead == 0x7F || i + more >= s.size() + (more == 0)) return false;
        for (std::size_t k = 1; k <= more; ++k) {
            if ((static_cast<std::uint8_t>(s[i + k]) & 0xC0) != 0x80) return false;
        }
        i += more + 1;
    }
    return true;
}

std::vector<std::uint8_t> encode_record(const EnterpriseRecord& record) {
    const std::string issued = compact(record.issued_on);
    const std::string valid = compact(record.valid_until);
    if (const char* fault = fault_of(record, issued, valid)) {
        throw TokenError(Kind::bad_argument, std::string("the enterprise record's ") + fault + " breaks its rule");
    }
    std::vector<std::uint8_t> out(protocol::kMaxObject);
    TlvWriter writer(out);
    writer.put_byte(record_tag::version, 1);
    writer.put(record_tag::unified_code, view(record.unified_code));
    if (record.old_code) writer.put(record_tag::old_code, view(*record.old_code));
    writer.put(record_tag::login_name, view(record.login_name));
    writer.put(record_tag::enterprise_name, view(record.enterprise_name));
    const std::uint8_t number[] = {static_cast<std::uint8_t>(record.key_number),
                                   static_cast<std::uint8_t>(record.key_limit)};
    writer.put(record_tag::key_number, number);
    writer.put(record_tag::issued_on, view(issued));
    writer.put(record_tag::valid_until, view(valid));
    if (record.english_name) writer.put(record_tag::english_name, view(*record.english_name));
    if (record.authorised_user) writer.put(record_tag::authorised_user, view(*record.authorised_user));
    if (!writer.ok()) throw TokenError(Kind::bad_argument, "the enterprise record is longer than an object may be");
    out.resize(writer.size());
    return out;
}

EnterpriseRecord decode_record(Bytes data) {
    EnterpriseRecord record;
    std::string issued;
    std::string valid;
    std::vector<std::uint32_t> seen;
    TlvReader reader(data);
    while (!reader.at_end()) {
        const auto item = reader.next();
        if (!item) malformed("format");
        if (std::find(seen.begin(), seen.end(), item->tag) != seen.end()) malformed("a field stands twice");
        seen.push_back(item->tag);
        switch (item->tag) {
            case record_tag::version:
                if (item->value.size() != 1 || item->value[0] != 1) malformed("version");
                break;
            case record_tag::unified_code:
                record.unified_code = text(item->value);
                break;
            case record_tag::old_code:
                record.old_code = text(item->value);
                break;
            case record_tag::login_name:
                record.login_name = text(item->value);
                break;
            case record_tag::enterprise_name:
                record.enterprise_name = text(item->value);
                break;
            case record_tag::key_number:
                if (item->value.size() != 2) malformed("key number");
                record.key_number = item->value[0];
                record.key_limit = item->value[1];
                break;
            case record_tag::issued_on:
                issued = text(item->value);
                break;
            case record_tag::valid_until:
                valid = text(item->value);
                break;
            case record_tag::english_name:
                record.english_name = text(item->value);
                break;
            case record_tag::authorised_user:
                record.authorised_user = text(item->value);
                break;
            default:
                break;
        }
    }
    if (std::find(seen.begin(), seen.end(), record_tag::version) == seen.end()) malformed("version missing");
    if (const char* fault = fault_of(record, issued, valid)) malformed(fault);
    record.issued_on = spread(issued);
    record.valid_until = spread(valid);
    return record;
}

}  // namespace sealkey::token

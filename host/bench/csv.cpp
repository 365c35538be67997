#include "bench/csv.h"

#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::mark;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {
        if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
    }

    CsvText read() {
        while (!at_end()) {
            if (skip_line_end()) continue;  // an empty line
            record();
        }
        return std::move(result_);
    }

private:
    [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
    [[nodiscard]] bool at_line_end() const {
        return at_end() || text_[at_] == '\n' || text_.substr(at_).starts_with("\r\n");
    }
    bool skip_line_end() {
        if (at_end() || !at_line_end()) return false;
        at_ += text_[at_] == '\n' ? 1 : 2;
        ++line_;
        return true;
    }

    void record() {
        CsvRecord record{line_, {}};
        const char* fault = nullptr;
        do {
            fault = field(record.fields.emplace_back());
        } while (fault == nullptr && skip_comma());
        if (fault == nullptr) {
            result_.records.push_back(std::move(record));
        } else {
            result_.faults.push_back({record.line, fault});
            while (!at_line_end()) ++at_;
        }
        (void)skip_line_end();
    }

    bool skip_comma() {
        if (at_end() || text_[at_] != ',') return false;
        ++at_;
        return true;
    }

    const char* field(std::string& value) {
        if (!at_end() && text_[at_] == '"') return quoted(value);
        while (!at_line_end() && text_[at_] != ',') {
            const char c = text_[at_];
            if (c == '"') return mark("A quotation mark inside a field that isn't quoted.");
            if (c == '\r' || c == '\0') return mark("A control character in the table.");
            value += c;
            ++at_;
        }
        return nullptr;
    }

    const char* quoted(std::string& value) {
        ++at_;
        while (!at_end()) {
            const char c = text_[at_++];
            if (c == '\0') return mark("A control character in the table.");
            if (c == '\n') ++line_;
            if (c != '"') {
                value += c;
            } else if (!at_end() && text_[at_] == '"') {
                value += '"';
                ++at_;
            } else if (at_line_end() || text_[at_] == ',') {
                return nullptr;
            } else {
                return mark("Something stands between a closing quotation mark and the next comma.");
            }
        }
        return mark("A quotation mark isn't closed.");
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    CsvText result_;
};

}  // namespace

CsvText parse_csv(std::string_view text) { return Reader(text).read(); }

}  // namespace sealkey::bench

// docs/apdu.md against the firmware's tables, row by row. SEALKEY_PRINT_TABLES=1 prints the access table as the
// document must have it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "applet/access.h"
#include "applet/commands.h"
#include "applet/data_objects.h"
#include "protocol/attestation.h"

namespace sealkey::applet {
namespace {

using Cells = std::vector<std::string>;

std::string read_file(const std::string& path) {
    std::ifstream file(std::string(SEALKEY_SOURCE_DIR) + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_FALSE(text.str().empty()) << path;
    return text.str();
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(' ');
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// The rows of the table after "<!-- table: name -->", without its head.
std::vector<Cells> table(const std::string& name) {
    std::istringstream lines(read_file("docs/apdu.md"));
    std::string line;
    while (std::getline(lines, line) && line != "<!-- table: " + name + " -->") {
    }
    std::vector<Cells> out;
    while (std::getline(lines, line) && line.starts_with("|")) {
        Cells cells;
        std::istringstream parts(line.substr(1));
        for (std::string cell; std::getline(parts, cell, '|');) cells.push_back(trimmed(cell));
        out.push_back(cells);
    }
    EXPECT_GT(out.size(), 2u) << "table " << name << " isn't there";
    if (out.size() >= 2) out.erase(out.begin(), out.begin() + 2);
    return out;
}

std::string hex(std::uint32_t value, int digits = 2) {
    char out[16];
    std::snprintf(out, sizeof out, "%0*X", digits, value);
    return out;
}

// Constants of a namespace in a header: name -> value.
std::map<std::string, std::uint32_t> constants(const std::string& header, const std::string& space) {
    const std::string text = read_file("firmware/protocol/" + header);
    const auto begin = space.empty() ? 0 : text.find("namespace " + space + " {");
    const auto end = space.empty() ? text.size() : text.find("}  // namespace " + space);
    EXPECT_NE(begin, std::string::npos);
    const std::string part = text.substr(begin, end - begin);
    std::map<std::string, std::uint32_t> out;
    const std::regex constant(R"(inline constexpr [\w:]+ (\w+)\s*=\s*(0x[0-9A-Fa-f]+|[0-9][0-9 *]*);)");
    for (std::sregex_iterator i(part.begin(), part.end(), constant), none; i != none; ++i) {
        std::uint32_t value = 1;
        std::istringstream factors((*i)[2].str());
        for (std::string factor; std::getline(factors, factor, '*');)
            value *= static_cast<std::uint32_t>(std::stoul(factor, nullptr, 0));
        out[(*i)[1].str()] = value;
    }
    EXPECT_FALSE(out.empty()) << header << " " << space;
    return out;
}

const char* name_of(Right right) {
    switch (right) {
        case Right::read_object:
            return "read object";
        case Right::write_object:
            return "write object";
        case Right::use_key:
            return "use key";
        case Right::generate_key:
            return "generate key";
        case Right::import_key:
            return "import key";
        case Right::move_from:
            return "move from";
        case Right::move_to:
            return "move to";
        case Right::authenticate_management:
            return "authenticate 9B";
        case Right::verify:
            return "VERIFY";
        case Right::change_pin:
            return "change PIN";
        case Right::change_puk:
            return "change PUK";
        case Right::unblock_by_puk:
            return "unblock by PUK";
        case Right::get_metadata:
            return "metadata";
        case Right::get_serial:
            return "serial";
        case Right::get_version:
            return "version";
        case Right::attest:
            return "attest";
        case Right::set_retries:
            return "set retries";
        case Right::set_management_key:
            return "set management key";
        case Right::reset_applet:
            return "reset";
        case Right::token_status:
            return "token status";
        case Right::redeem_code:
            return "redeem code";
        case Right::initialise:
            return "INITIALISE";
        case Right::set_bench_pin:
            return "set bench PIN";
        case Right::set_lifecycle:
            return "set lifecycle";
        case Right::open_channel:
            return "open channel";
        case Right::put_channel_keys:
            return "PUT KEY";
        case Right::renew:
            return "renew";
        case Right::renewal_status:
            return "renewal status";
    }
    return "?";
}

const char* name_of(Condition condition) {
    switch (condition) {
        case Condition::never:
            return "-";
        case Condition::always:
            return "always";
        case Condition::pin:
            return "PIN";
        case Condition::management:
            return "9B";
        case Condition::management_and_pin:
            return "9B+PIN";
        case Condition::channel:
            return "channel";
        case Condition::key_policy:
            return "key";
    }
    return "?";
}

Cells cells_of(const Rule& rule) {
    Cells out = {name_of(rule.right)};
    const bool any = rule.first == 0 && rule.last == 0xFFFFFFFF;
    out.push_back(any ? "any" : rule.first == rule.last ? hex(rule.first) : hex(rule.first) + " to " + hex(rule.last));
    for (const Condition condition : rule.conditions) out.push_back(name_of(condition));
    return out;
}

TEST(ApduDocument, AccessRulesAreTheCodes) {
    std::vector<Cells> expected;
    for (const Rule& rule : access_rules()) expected.push_back(cells_of(rule));
    if (std::getenv("SEALKEY_PRINT_TABLES") != nullptr) {
        for (const Cells& cells : expected) {
            std::cout << "|";
            for (const std::string& cell : cells) std::cout << ' ' << cell << " |";
            std::cout << '\n';
        }
    }
    const auto written = table("access");
    ASSERT_EQ(written.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(written[i], expected[i]) << "row " << i;
}

TEST(ApduDocument, CommandsAreTheCodes) {
    std::multiset<std::string> expected = {"00 A4", "00 C0", "00 DB"};
    for (std::size_t i = 0; i < kParsedCommands; ++i) {
        const CommandId id = parsed_command(i);
        expected.insert(hex(id.cla) + " " + hex(id.ins));
    }
    std::multiset<std::string> written;
    for (const Cells& cells : table("commands")) written.insert(cells.at(0) + " " + cells.at(1));
    EXPECT_EQ(written, expected);
}

TEST(ApduDocument, ObjectsAreTheHeadersWithTheCodesLimits) {
    std::set<std::string> expected;
    for (const auto& [name, tag] : constants("piv.h", "object")) expected.insert(hex(tag));
    std::set<std::string> written;
    for (const Cells& cells : table("objects")) {
        written.insert(cells.at(0));
        const auto tag = static_cast<std::uint32_t>(std::stoul(cells.at(0), nullptr, 16));
        EXPECT_EQ(cells.at(2), std::to_string(object_limit(tag))) << cells.at(0);
    }
    EXPECT_EQ(written, expected);
}

// A table of tag and name.
void expect_tags(const char* name, const char* header, const char* space) {
    std::map<std::string, std::string> expected;
    for (const auto& [constant, tag] : constants(header, space)) expected[hex(tag)] = constant;
    std::map<std::string, std::string> written;
    for (const Cells& cells : table(name)) written[cells.at(0)] = cells.at(1);
    EXPECT_EQ(written, expected);
}

TEST(ApduDocument, StatusTagsAreTheHeaders) { expect_tags("status", "key.h", "status_tag"); }
TEST(ApduDocument, RenewalTagsAreTheHeaders) { expect_tags("renewal", "renewal.h", "staging_tag"); }
TEST(ApduDocument, ManifestTagsAreTheHeaders) { expect_tags("manifest", "renewal.h", "manifest_tag"); }

TEST(ApduDocument, StatusWordsAreTheHeaders) {
    std::set<std::string> expected;
    for (const auto& [name, word] : constants("status_words.h", "sw")) expected.insert(hex(word, 4));
    std::set<std::string> written;
    for (const Cells& cells : table("words")) written.insert(cells.at(0));
    EXPECT_EQ(written, expected);
}

TEST(ApduDocument, LimitsAreTheHeaders) {
    std::map<std::string, std::string> expected;
    for (const auto& [name, value] : constants("limits.h", "")) expected[name] = std::to_string(value);
    std::map<std::string, std::string> written;
    for (const Cells& cells : table("limits")) written[cells.at(0)] = cells.at(1);
    EXPECT_EQ(written, expected);
}

// The extensions' numbers: members of the two enumerations, in their order.
std::vector<std::string> members(const std::string& enumeration) {
    const std::string text = read_file("firmware/protocol/attestation.h");
    const auto begin = text.find("enum class " + enumeration + " ");
    const std::string part = text.substr(begin, text.find("};", begin) - begin);
    std::vector<std::string> out;
    const std::regex member(R"(\n    (\w+) = ([0-9]+),)");
    for (std::sregex_iterator i(part.begin(), part.end(), member), none; i != none; ++i) {
        out.push_back((*i)[2].str() + " " + (*i)[1].str());
    }
    return out;
}

TEST(ApduDocument, AttestationExtensionsAreTheHeaders) {
    std::vector<std::string> expected;
    for (const std::string& one : members("Known"))
        expected.push_back(std::string(protocol::attested::kKnownArc) + "." + one);
    for (const std::string& one : members("Own"))
        expected.push_back(std::string(protocol::attested::kOwnArc) + "." + one);
    std::vector<std::string> written;
    for (const Cells& cells : table("extensions")) written.push_back(cells.at(0) + " " + cells.at(1));
    EXPECT_EQ(written, expected);
    EXPECT_EQ(expected.size(), 11u);
}

}  // namespace
}  // namespace sealkey::applet

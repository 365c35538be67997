#include "cli/common/keys.h"

#include "cli/common/failure.h"
#include "cli/common/i18n.h"
#include "cli/common/output.h"
#include "cli/common/progress.h"
#include "transport/usb/provider.h"

namespace sealkey::cli {

namespace {

// Those of the other cards, in readers so named, that are taken for keys go among the keys.
void take_others(Found& found, const std::string& reader, const std::function<bool(token::Token&)>& is_ours) {
    for (auto& other : found.others) {
        if (other.token == nullptr || other.reader.find(reader) == std::string::npos) continue;
        try {
            if (is_ours(*other.token)) found.keys.push_back({other.reader, {}, std::move(other.token)});
        } catch (const token::TokenError& error) {
            other.fault = explain(error).what();
        } catch (const transport::TransportError& error) {
            other.fault = explain(error).what();
        }
    }
}

[[noreturn]] void refuse_several(const std::vector<FoundKey>& keys) {
    auto serials = nlohmann::json::array();
    auto readers = nlohmann::json::array();
    std::string names;
    std::string places;
    for (const auto& key : keys) {
        if (!key.status.serial.empty()) serials.push_back(key.status.serial);
        readers.push_back(key.reader);
        names += (names.empty() ? "" : ", ") + key.status.serial;
        places += (places.empty() ? "" : ", ") + printable(key.reader);
    }
    const bool all_have_names = serials.size() == keys.size();
    throw Failed(Exit::several_keys,
                 all_have_names
                     ? fill(tr("Several keys are plugged in: %1. Say which one with --serial."), {names})
                     : fill(tr("Several keys are plugged in, at %1. Say which one with --reader."), {places}),
                 {{"serials", serials}, {"readers", readers}});
}

}  // namespace

Found find_keys(transport::Provider& provider) {
    Found found;
    for (const auto& reader : provider.readers()) {
        if (!reader.card_present) {
            found.others.push_back({reader.name, false, {}, nullptr});
            continue;
        }
        try {
            auto token = std::make_unique<token::Token>(provider.connect(reader.name));
            auto status = token->recognise();
            if (status) {
                found.keys.push_back({reader.name, std::move(*status), std::move(token)});
            } else {
                found.others.push_back({reader.name, true, {}, std::move(token)});
            }
        } catch (const transport::TransportError& error) {
            // One bad reader must not hide the others.
            found.others.push_back({reader.name, true, explain(error).what(), nullptr});
        }
    }
    return found;
}

void KeyChoice::add_to(CLI::App& app) {
    app.add_option("--serial", serial_, tr("The key with this serial number"))->type_name(tr("SERIAL"));
    app.add_option("--reader", reader_, tr("The key in the reader whose name contains this"))->type_name(tr("NAME"));
}

FoundKey KeyChoice::open(const std::function<bool(token::Token&)>& is_ours) const {
    const auto provider = transport::make_program_provider();
    Found found = [&] {
        const Busy busy(tr("Waiting for the key"));  // another program may hold it for a while
        Found all = find_keys(*provider);
        if (is_ours) take_others(all, reader_, is_ours);
        return all;
    }();
    std::vector<FoundKey> fitting;
    std::string nameless;
    for (auto& key : found.keys) {
        const bool serial_fits = serial_.empty() || key.status.serial == serial_;
        const bool reader_fits = key.reader.find(reader_) != std::string::npos;
        if (key.status.serial.empty()) nameless += (nameless.empty() ? "" : ", ") + printable(key.reader);
        if (serial_fits && reader_fits) fitting.push_back(std::move(key));
    }
    if (fitting.size() == 1) return std::move(fitting.front());
    if (fitting.size() > 1) refuse_several(fitting);
    if (!serial_.empty() && !nameless.empty()) {
        throw Failed(Exit::no_key, fill(tr("No key with serial number %1 is plugged in. A key that waits for its "
                                           "transport keys has no serial number yet: name it by --reader (%2)."),
                                        {serial_, nameless}));
    }
    if (!serial_.empty()) {
        throw Failed(Exit::no_key, fill(tr("No key with serial number %1 is plugged in."), {serial_}));
    }
    for (const auto& other : found.others) {
        if (!other.fault.empty()) throw Failed(Exit::no_service, other.reader + ": " + other.fault);
    }
    for (const auto& other : found.others) {
        const bool meant = other.token && other.reader.find(reader_) != std::string::npos;
        if (is_ours && meant) throw Failed(Exit::no_key, tr("The card in the reader isn't a sealkey."));
    }
    throw Failed(Exit::no_key, tr("No key is plugged in. Plug it in and try again; `sealkey list` shows the readers."));
}

}  // namespace sealkey::cli

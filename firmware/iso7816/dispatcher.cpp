#include "iso7816/dispatcher.h"

#include <algorithm>

#include "protocol/piv.h"

namespace sealkey::iso7816 {

namespace sw = protocol::sw;

namespace {

constexpr std::uint8_t kSelectByName = 0x04;
constexpr std::uint8_t kSelectNextMask = 0x03;  // P2: first or only occurrence is 00
constexpr std::uint8_t kClaInterindustry = 0x00;
constexpr std::uint8_t kClaProprietary = 0x80;
constexpr std::uint8_t kClaLogicalChannel = 0x03;
constexpr std::uint8_t kClaSecure = 0x04;  // the one form of secure messaging there is

bool is_secure(std::uint8_t cla) { return (cla & kClaSecureMessaging) == kClaSecure; }

// Warnings carry data too; only the secure channel's answers have any.
bool carries_data(StatusWord status) { return status == sw::ok || status >> 8 == 0x62 || status >> 8 == 0x63; }

// What is wrong with the class byte apart from the chaining bit; 9000: nothing.
StatusWord check_class(std::uint8_t cla) {
    std::uint8_t base = static_cast<std::uint8_t>(cla & ~kClaChaining);
    if (is_secure(base)) base = static_cast<std::uint8_t>(base & ~kClaSecure);
    if (base == kClaInterindustry || base == kClaProprietary) return sw::ok;
    if ((base & 0x60) != 0) return sw::cla_not_supported;
    if ((base & kClaSecureMessaging) != 0) return sw::secure_messaging_not_supported;
    if ((base & kClaLogicalChannel) != 0) return sw::logical_channel_not_supported;
    return sw::cla_not_supported;
}

}  // namespace

void Dispatcher::reset() {
    end_chain();
    response_.clear();
    sent_ = 0;
    reply_pending_ = false;
    application_.reset();
}

void Dispatcher::end_chain() {
    if (chain_ == Chain::streaming) application_.stream_abandon();
    chain_ = Chain::none;
    wipe({buffer_.data(), buffered_});
    buffered_ = 0;
}

std::size_t Dispatcher::transmit(Bytes raw, MutableBytes out) {
    if (out.size() < 2) return 0;
    const auto parsed = parse_command(raw);
    if (!parsed) {
        application_.arrived({});
        end_chain();
        reply_pending_ = false;
        response_.clear();
        return answer(parsed.error(), 0, out);
    }
    const StatusWord status = handle(*parsed);
    // A host that sends no Le (many do) still gets its bytes, as over T=0.
    const std::uint32_t le = parsed->le == 0 ? 256 : parsed->le;
    return answer(status, le, out);
}

StatusWord Dispatcher::handle(const Command& command) {
    const bool get_response = command.header.ins == static_cast<std::uint8_t>(protocol::Ins::get_response) &&
                              chain_ == Chain::none && !is_secure(command.header.cla);
    if (!get_response || !reply_pending_) application_.arrived(command.header);
    if (const StatusWord status = check_class(command.header.cla); status != sw::ok) {
        end_chain();
        reply_pending_ = false;
        return status;
    }
    if (get_response) return handle_get_response(command);
    response_.clear();
    sent_ = 0;
    reply_pending_ = false;
    const bool more = (command.header.cla & kClaChaining) != 0;
    if (chain_ != Chain::none && begins_chain(command.header)) end_chain();
    return handle_block(command, more);
}

// A command that isn't the open chain's next block ends the chain; it is then handled for itself.
bool Dispatcher::begins_chain(const Header& header) const {
    Header expected = header;
    expected.cla = static_cast<std::uint8_t>(header.cla & ~kClaChaining);
    return !(expected == chain_header_);
}

StatusWord Dispatcher::handle_get_response(const Command& command) {
    if (!reply_pending_) return sw::conditions_not_satisfied;
    if (command.header.p1p2() != 0) return sw::wrong_p1p2;
    return final_status_;
}

StatusWord Dispatcher::handle_select(const Command& command) {
    const Header& header = command.header;
    if (header.p1 != kSelectByName || (header.p2 & kSelectNextMask) != 0) return sw::function_not_supported;
    // An absent name leaves the application that is selected as it is.
    if (!application_.has_name(command.data)) {
        application_.select_failed();
        return sw::file_not_found;
    }
    return application_.select(response_);
}

StatusWord Dispatcher::handle_block(const Command& command, bool more) {
    if (command.data.size() > protocol::kMaxCommandData) {
        end_chain();
        return sw::wrong_length;
    }
    Command block = command;
    block.header.cla = static_cast<std::uint8_t>(command.header.cla & ~kClaChaining);
    // A wrapped command is opened where it stands, which the raw APDU's bytes don't allow.
    const bool secure = is_secure(block.header.cla);
    const bool streams = chain_ == Chain::none && !secure && application_.streams(block.header);
    if (chain_ == Chain::streaming || streams) return stream(block, more);
    if (chain_ == Chain::collecting || more || secure) return collect(block, more);
    if (block.header.cla == kClaInterindustry && block.header.ins == static_cast<std::uint8_t>(protocol::Ins::select)) {
        return handle_select(block);
    }
    return process(block);
}

StatusWord Dispatcher::collect(const Command& block, bool more) {
    if (block.data.size() > buffer_.size() - buffered_) {
        end_chain();
        return sw::wrong_length;
    }
    if (!block.data.empty()) std::memcpy(buffer_.data() + buffered_, block.data.data(), block.data.size());
    buffered_ += block.data.size();
    chain_ = Chain::collecting;
    chain_header_ = block.header;
    if (more) return sw::ok;
    const StatusWord status = handle_collected(block);
    end_chain();
    return status;
}

StatusWord Dispatcher::handle_collected(const Command& block) {
    if (is_secure(block.header.cla)) {
        const std::size_t size = buffered_;
        buffered_ = buffer_.size();  // whatever is written there is wiped behind it
        return application_.process_secure(block.header, buffer_, size, response_);
    }
    Command whole = block;
    whole.data = {buffer_.data(), buffered_};
    const bool select =
        whole.header.cla == kClaInterindustry && whole.header.ins == static_cast<std::uint8_t>(protocol::Ins::select);
    return select ? handle_select(whole) : process(whole);
}

StatusWord Dispatcher::process(const Command& command) {
    const StatusWord status = application_.process(command, response_);
    if (status != sw::ok) response_.clear();
    return status;
}

StatusWord Dispatcher::stream(const Command& block, bool more) {
    const bool first = chain_ == Chain::none;
    chain_ = Chain::streaming;
    chain_header_ = block.header;
    const StatusWord status = application_.stream_block(block.header, block.data, first, !more, buffer_);
    if (status != sw::ok) {
        buffered_ = buffer_.size();
        end_chain();
    } else if (!more) {
        chain_ = Chain::none;
    }
    return status;
}

std::size_t Dispatcher::answer(StatusWord status, std::uint32_t le, MutableBytes out) {
    std::size_t n = 0;
    if (carries_data(status)) {
        final_status_ = status;
        const std::uint32_t left = response_.size() - sent_;
        n = std::min<std::size_t>({left, le, out.size() - 2});
        if (n > 0 && !response_.read(sent_, out.first(n))) {
            status = sw::memory_failure;
            n = 0;
        }
        sent_ += static_cast<std::uint32_t>(n);
        const std::uint32_t after = response_.size() - sent_;
        reply_pending_ = carries_data(status) && after > 0;
        if (reply_pending_) {
            status = static_cast<StatusWord>(sw::more_data | (after > 0xFF ? 0 : after));
        }
    }
    if (!reply_pending_) {
        response_.clear();
        sent_ = 0;
    }
    store_be16(out.data() + n, status);
    return n + 2;
}

}  // namespace sealkey::iso7816

// The access rules: one table, which docs/apdu.md prints and a test compares.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "applet/state.h"

namespace sealkey::applet {

enum class Condition : std::uint8_t {
    never,               // 6985
    always,              //
    pin,                 // the PIN is verified: else 6982
    management,          // 9B is proven: else 6982
    management_and_pin,  // both: else 6982
    channel,             // the command came wrapped in a secure channel of level 33: else 6982
    key_policy,          // the key's own PIN policy decides
};

// What is asked for. The subject narrows it: an object's tag, a key reference, or 0.
enum class Right : std::uint8_t {
    read_object,
    write_object,
    use_key,
    generate_key,
    import_key,
    move_from,
    move_to,  // subject FF: the key is deleted
    authenticate_management,
    verify,
    change_pin,
    change_puk,
    unblock_by_puk,
    get_metadata,
    get_serial,
    get_version,
    attest,
    set_retries,
    set_management_key,
    reset_applet,
    token_status,
    redeem_code,
    initialise,
    set_bench_pin,
    set_lifecycle,
    open_channel,
    put_channel_keys,
    renew,
    renewal_status,
};

// Profile and lifecycle together: a column of the table.
enum class Stage : std::uint8_t {
    blank,
    shipping_initialised,
    shipping_secured,
    compatibility_initialised,
    compatibility_secured,
    terminated,
};
inline constexpr std::size_t kStages = 6;

struct Rule {
    std::uint32_t first;  // subjects first..last; the first rule that contains one holds
    std::uint32_t last;
    Right right;
    std::array<Condition, kStages> conditions;  // by Stage
};

[[nodiscard]] std::span<const Rule> access_rules();

[[nodiscard]] Stage stage_of(const Config& config);

// Never, when no rule names it.
[[nodiscard]] Condition condition_for(Right right, std::uint32_t subject, Stage stage);

// Until the lifecycle is secured, a command of the bench's channel stands for the PIN where one is wanted.
[[nodiscard]] bool channel_stands_for_pin(const Core& core);

// 9000, or what the session lacks. key_policy passes here; the key's own use decides.
[[nodiscard]] StatusWord check_access(const Core& core, Right right, std::uint32_t subject = 0);

}  // namespace sealkey::applet

#include "slots.h"

#include <algorithm>

#include "log.h"

namespace sealkey::pkcs11 {

using transport::Failure;
using transport::ReaderState;
using transport::TransportError;

// A card that answers nothing, or nonsense, isn't asked again for so long: a broken one must not slow programs that
// poll, and one that failed once is no stranger for ever.
constexpr std::chrono::seconds kPatienceWithMute{2};
// Each look is an exchange or three with the service; nobody takes a key out and looks at the screen sooner.
constexpr std::chrono::milliseconds kMoment{20};

SlotTable::SlotTable(std::unique_ptr<transport::Provider> provider, std::function<void(CK_SLOT_ID)> on_change)
    : provider_(std::move(provider)), on_change_(std::move(on_change)) {
    keep_one_spare();
}

void SlotTable::refresh() {
    const auto now = std::chrono::steady_clock::now();
    if (!looked_ || now - *looked_ >= kMoment) look();
}

void SlotTable::look() {
    looked_ = std::chrono::steady_clock::now();
    std::vector<ReaderState> readers;
    try {
        readers = provider_->readers();
    } catch (const TransportError& error) {
        // No service: every reader has gone, until it is back.
        log::line("  readers: %s", error.what());
    }
    for (const auto& slot : slots_) {
        if (!slot->bound()) continue;
        const auto now = std::find_if(readers.begin(), readers.end(),
                                      [&](const ReaderState& state) { return state.name == slot->reader(); });
        if (now == readers.end()) {
            if (!slot->reader_gone_) change(*slot, nullptr);
            continue;
        }
        const bool differs =
            now->card_present != slot->state_.card_present || now->event_count != slot->state_.event_count;
        if (differs || slot->lost_ || slot->reader_gone_) change(*slot, &*now);
    }
    for (const ReaderState& state : readers) {
        const bool known =
            std::any_of(slots_.begin(), slots_.end(), [&](const auto& slot) { return slot->reader() == state.name; });
        if (!known) change(free_slot(), &state);
    }
    keep_one_spare();
}

void SlotTable::refresh_for_list(bool number_only) {
    // Between the question for the number and the one for the list, the list stays as it was. A program that never asks
    // for the number must see a key come all the same.
    if (number_only || !number_asked_) refresh();
    number_asked_ = number_only;
}

void SlotTable::change(Slot& slot, const ReaderState* now) {
    const bool was_present = slot.present();
    on_change_(slot.id());
    slot.card_.reset();
    slot.foreign_ = false;
    slot.mute_.reset();
    slot.lost_ = false;
    slot.reader_gone_ = now == nullptr;
    if (now != nullptr) {
        slot.state_ = *now;
    } else {
        slot.state_.card_present = false;
    }
    if (was_present || slot.present()) slot.event_ = true;
}

Slot& SlotTable::free_slot() {
    // A reader that comes takes the first slot without one: a fresh one, or one whose reader has gone.
    for (const auto& slot : slots_) {
        if (!slot->bound() || slot->reader_gone_) return *slot;
    }
    slots_.push_back(std::make_unique<Slot>(slots_.size()));
    return *slots_.back();
}

void SlotTable::keep_one_spare() {
    const bool spare = std::any_of(slots_.begin(), slots_.end(),
                                   [](const auto& slot) { return !slot->bound() || slot->reader_gone_; });
    if (!spare) slots_.push_back(std::make_unique<Slot>(slots_.size()));
}

std::vector<CK_SLOT_ID> SlotTable::ids(bool with_card) const {
    std::vector<CK_SLOT_ID> ids;
    for (const auto& slot : slots_) {
        if (!with_card || slot->present()) ids.push_back(slot->id());
    }
    return ids;
}

Slot& SlotTable::at(CK_SLOT_ID id) {
    require(id < slots_.size(), CKR_SLOT_ID_INVALID);
    return *slots_[id];
}

Card& SlotTable::card(CK_SLOT_ID id) {
    Slot& slot = at(id);
    require(slot.present(), CKR_TOKEN_NOT_PRESENT);
    require(!slot.foreign_, CKR_TOKEN_NOT_RECOGNIZED);
    if (!slot.card_) {
        const auto now = std::chrono::steady_clock::now();
        require(!slot.mute_ || now - *slot.mute_ > kPatienceWithMute, CKR_TOKEN_NOT_RECOGNIZED);
        slot.mute_.reset();
        try {
            slot.card_ = Card::open(provider_->connect(slot.reader()), cache_);
        } catch (const TransportError& error) {
            log::line("  %s: %s", slot.reader().c_str(), error.what());
            looked_.reset();
            const bool gone = error.failure() == Failure::no_card || error.failure() == Failure::no_reader;
            if (gone) refuse(CKR_TOKEN_NOT_PRESENT);
            if (error.failure() == Failure::in_use) refuse(kReaderInUse);
            if (error.failure() != Failure::communication) refuse(CKR_DEVICE_ERROR);
            slot.mute_ = now;
            refuse(CKR_TOKEN_NOT_RECOGNIZED);
        } catch (const token::TokenError& error) {
            log::line("  %s: %s", slot.reader().c_str(), error.what());
            slot.mute_ = now;
            refuse(CKR_TOKEN_NOT_RECOGNIZED);
        }
        slot.foreign_ = slot.card_ == nullptr;
        require(!slot.foreign_, CKR_TOKEN_NOT_RECOGNIZED);
    }
    return *slot.card_;
}

Card* SlotTable::open_card(CK_SLOT_ID id) {
    return id < slots_.size() && !slots_[id]->lost_ ? slots_[id]->card_.get() : nullptr;
}

void SlotTable::drop_late_authorisations() noexcept {
    for (const auto& slot : slots_) {
        if (slot->card_) slot->card_->drop_late_authorisation();
    }
}

void SlotTable::close() {
    for (const auto& slot : slots_) slot->card_.reset();
}

void SlotTable::lose(CK_SLOT_ID id) {
    if (id < slots_.size()) slots_[id]->lost_ = true;
    looked_.reset();
}

std::optional<CK_SLOT_ID> SlotTable::take_event() {
    for (const auto& slot : slots_) {
        if (!slot->event_) continue;
        slot->event_ = false;
        return slot->id();
    }
    return std::nullopt;
}

void SlotTable::forget_events() {
    for (const auto& slot : slots_) slot->event_ = false;
}

}  // namespace sealkey::pkcs11

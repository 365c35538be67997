// Slots: readers as PKCS#11 shows them. A slot that was shown never goes; its reader may. There is always one that no
// reader has yet, because browsers look at the slots once and must still see a key that is plugged in later.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "card.h"
#include "transport/transport.h"

namespace sealkey::pkcs11 {

class Slot {
public:
    explicit Slot(CK_SLOT_ID id) : id_(id) {}
    [[nodiscard]] CK_SLOT_ID id() const { return id_; }
    [[nodiscard]] const std::string& reader() const { return state_.name; }
    [[nodiscard]] bool bound() const { return !state_.name.empty(); }
    [[nodiscard]] bool present() const { return state_.card_present; }

private:
    friend class SlotTable;
    CK_SLOT_ID id_;
    transport::ReaderState state_;  // name empty: no reader has had this slot
    bool reader_gone_ = false;
    bool foreign_ = false;  // looked at since it was put in: not ours
    // It answered nothing, or nonsense, at that time: broken, or taken out and pcscd hasn't looked yet.
    std::optional<std::chrono::steady_clock::time_point> mute_;
    bool lost_ = false;   // the connection failed: begin anew at the next look
    bool event_ = false;  // for C_WaitForSlotEvent
    std::unique_ptr<Card> card_;
};

class SlotTable {
public:
    // `on_change` is called before the card of a slot is given up: its sessions end.
    SlotTable(std::unique_ptr<transport::Provider> provider, std::function<void(CK_SLOT_ID)> on_change);

    // Looks at the readers: no command to any card. Programs call in bursts: what was seen a moment ago is taken for
    // seen now.
    void refresh();
    // The same, however short ago the last look was.
    void look();
    // C_GetSlotList's: with the number alone, or with the list, which follows it.
    void refresh_for_list(bool number_only);
    [[nodiscard]] std::vector<CK_SLOT_ID> ids(bool with_card) const;
    // CKR_SLOT_ID_INVALID
    [[nodiscard]] Slot& at(CK_SLOT_ID id);
    // The slot's token: CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED.
    [[nodiscard]] Card& card(CK_SLOT_ID id);
    // The token that was opened in this slot; nullptr if there is none or it was lost.
    [[nodiscard]] Card* open_card(CK_SLOT_ID id);
    // A card that a login for one operation holds for too long is let go.
    void drop_late_authorisations() noexcept;
    // Every connection is given up.
    void close();
    // What a failed connection leaves: given up at the next refresh.
    void lose(CK_SLOT_ID id);
    // A slot with an event that wasn't told yet, which is now told.
    [[nodiscard]] std::optional<CK_SLOT_ID> take_event();
    void forget_events();

private:
    void change(Slot& slot, const transport::ReaderState* now);
    [[nodiscard]] Slot& free_slot();
    void keep_one_spare();

    std::unique_ptr<transport::Provider> provider_;
    std::function<void(CK_SLOT_ID)> on_change_;
    CertificateCache cache_;
    std::vector<std::unique_ptr<Slot>> slots_;
    bool number_asked_ = false;
    std::optional<std::chrono::steady_clock::time_point> looked_;  // nothing: look anew
};

}  // namespace sealkey::pkcs11

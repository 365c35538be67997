#include "library.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "log.h"
#include "session_objects.h"
#include "token_objects.h"

namespace sealkey::pkcs11 {

namespace {

// Session objects' handles are far from the token objects'.
constexpr CK_OBJECT_HANDLE kFirstSessionObject = 0x40000000;
constexpr std::chrono::milliseconds kWait{3600 * 1000};

// Where there is nobody to tell that the application's mutex fails: whether the lock is held then.
bool take(Lock& lock) noexcept {
    try {
        lock.lock();
        return true;
    } catch (...) {
        log::line("  the application's mutex can't be locked");
        return false;
    }
}

// Gives the lock up for the time between, whatever happens in it.
class Unlocked {
public:
    explicit Unlocked(Lock& lock) : lock_(lock) { lock_.unlock(); }
    ~Unlocked() { take(lock_); }
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;

private:
    Lock& lock_;
};

}  // namespace

Library::Library(const CK_C_INITIALIZE_ARGS* arguments)
    : lock_(make_lock(arguments)),
      // One link to the service: all that uses it is under the one lock.
      slots_(transport::make_default_provider(transport::Links::one_for_all),
             [this](CK_SLOT_ID slot) { close_sessions(slot); }),
      last_session_object_(kFirstSessionObject) {
    slots_.look();
    slots_.forget_events();
}

// --- sessions ---

CK_SESSION_HANDLE Library::open_session(CK_SLOT_ID slot, bool read_write) {
    Session& session = sessions_[++last_session_];
    session.handle = last_session_;
    session.slot = slot;
    session.read_write = read_write;
    return session.handle;
}

Session& Library::session(CK_SESSION_HANDLE handle) {
    const auto entry = sessions_.find(handle);
    require(entry != sessions_.end(), CKR_SESSION_HANDLE_INVALID);
    return entry->second;
}

void Library::close_session(CK_SESSION_HANDLE handle) {
    const CK_SLOT_ID slot = session(handle).slot;
    sessions_.erase(handle);
    std::erase_if(session_objects_, [&](const auto& entry) { return entry.second.owner == handle; });
    if (Card* card = slots_.open_card(slot)) {
        card->drop_authorisation(handle);
        if (session_count(slot, false) == 0) card->forget_login();
    }
}

void Library::close_sessions(CK_SLOT_ID slot) {
    std::erase_if(sessions_, [&](const auto& entry) { return entry.second.slot == slot; });
    std::erase_if(session_objects_, [&](const auto& entry) { return entry.second.slot == slot; });
    if (Card* card = slots_.open_card(slot)) card->forget_login();
}

void Library::settle(CK_SLOT_ID slot, CK_SESSION_HANDLE handle) noexcept {
    Card* card = slots_.open_card(slot);
    if (card == nullptr || card->authorised_session() != handle) return;
    const auto session = sessions_.find(handle);
    if (session == sessions_.end() || !session->second.wants_pin()) card->drop_authorisation(handle);
}

std::size_t Library::session_count(CK_SLOT_ID slot, bool read_write_only) const {
    return static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
        return entry.second.slot == slot && (entry.second.read_write || !read_write_only);
    }));
}

void Library::end_private_operations(CK_SLOT_ID slot) {
    for (auto& [handle, session] : sessions_) {
        if (session.slot != slot) continue;
        session.sign.reset();
        session.sign_recover.reset();
        session.decrypt.reset();
        session.find.reset();
    }
    std::erase_if(session_objects_,
                  [&](const auto& entry) { return entry.second.slot == slot && entry.second.object->is_private(); });
}

Card& Library::card(const Session& session) {
    Card* card = slots_.open_card(session.slot);
    require(card != nullptr, CKR_DEVICE_REMOVED);
    return *card;
}

// --- objects ---

std::shared_ptr<Object> Library::any_object(Session& session, CK_OBJECT_HANDLE handle) {
    const auto own = session_objects_.find(handle);
    if (own != session_objects_.end()) return own->second.slot == session.slot ? own->second.object : nullptr;
    const auto& objects = card(session).objects();
    const auto entry = objects.find(handle);
    return entry != objects.end() ? entry->second : nullptr;
}

std::shared_ptr<Object> Library::find_object(Session& session, CK_OBJECT_HANDLE handle) {
    auto object = any_object(session, handle);
    if (object && object->is_private() && !card(session).logged_in()) return nullptr;
    return object;
}

std::vector<CK_OBJECT_HANDLE> Library::find_objects(Session& session, std::span<const CK_ATTRIBUTE> wanted) {
    std::vector<CK_OBJECT_HANDLE> found;
    Card& token = card(session);
    for (const auto& [handle, object] : token.objects()) {
        if (object->is_private() && !token.logged_in()) continue;
        try {
            if (object->matches(wanted)) found.push_back(handle);
        } catch (const token::TokenError& error) {
            // One whose content can't be read now doesn't hide the others; the next search reads it again.
            log::line("  object %lu: %s", handle, error.what());
        }
    }
    for (const auto& [handle, entry] : session_objects_) {
        if (entry.slot != session.slot || (entry.object->is_private() && !token.logged_in())) continue;
        if (entry.object->matches(wanted)) found.push_back(handle);
    }
    return found;
}

CK_OBJECT_HANDLE Library::create(Session& session, std::span<const CK_ATTRIBUTE> given) {
    const CK_ATTRIBUTE* token = find_in(given, CKA_TOKEN);
    if (token != nullptr && flag_in(*token)) {
        require(session.read_write, CKR_SESSION_READ_ONLY);
        return create_on_token(card(session), given);
    }
    require_login_for_private(session, given);
    return add_session_object(session, create_object(given));
}

void Library::require_login_for_private(const Session& session, std::span<const CK_ATTRIBUTE> given) {
    const CK_ATTRIBUTE* wish = find_in(given, CKA_PRIVATE);
    const bool is_private = wish != nullptr && flag_in(*wish);
    require(!is_private || card(session).logged_in(), CKR_USER_NOT_LOGGED_IN);
}

CK_OBJECT_HANDLE Library::add_session_object(const Session& session, std::shared_ptr<Object> object) {
    session_objects_[++last_session_object_] = {session.handle, session.slot, std::move(object)};
    return last_session_object_;
}

Object& Library::session_object(Session& session, CK_OBJECT_HANDLE handle) {
    const auto object = find_object(session, handle);
    require(object != nullptr, CKR_OBJECT_HANDLE_INVALID);
    require(session_objects_.contains(handle), CKR_ACTION_PROHIBITED);
    return *object;
}

void Library::destroy_object(Session& session, CK_OBJECT_HANDLE handle) {
    const auto object = any_object(session, handle);
    const bool own = session_objects_.contains(handle);
    Card& token = card(session);
    const bool seen = object != nullptr && (!object->is_private() || token.logged_in() || token.managed());
    require(seen, CKR_OBJECT_HANDLE_INVALID);
    const ByteVector* destroyable = object->attribute(CKA_DESTROYABLE);
    require(destroyable != nullptr && *destroyable == ByteVector{CK_TRUE}, CKR_ACTION_PROHIBITED);
    if (own) {
        session_objects_.erase(handle);
        return;
    }
    require(session.read_write, CKR_SESSION_READ_ONLY);
    destroy_on_token(token, *object);
}

namespace {

struct Use {
    CK_FLAGS flag;
    CK_ATTRIBUTE_TYPE attribute;
    CK_OBJECT_CLASS object_class;  // of a key pair's half that does it
};
constexpr Use kUses[] = {
    {CKF_SIGN, CKA_SIGN, CKO_PRIVATE_KEY},
    {CKF_SIGN_RECOVER, CKA_SIGN_RECOVER, CKO_PRIVATE_KEY},
    {CKF_DECRYPT, CKA_DECRYPT, CKO_PRIVATE_KEY},
    {CKF_UNWRAP, CKA_UNWRAP, CKO_PRIVATE_KEY},
    {CKF_DERIVE, CKA_DERIVE, CKO_PRIVATE_KEY},
    {CKF_VERIFY, CKA_VERIFY, CKO_PUBLIC_KEY},
    {CKF_VERIFY_RECOVER, CKA_VERIFY_RECOVER, CKO_PUBLIC_KEY},
    {CKF_ENCRYPT, CKA_ENCRYPT, CKO_PUBLIC_KEY},
    {CKF_WRAP, CKA_WRAP, CKO_PUBLIC_KEY},
};

// CKA_ALLOWED_MECHANISMS: where there is none, all are.
bool is_allowed(Object& object, CK_MECHANISM_TYPE mechanism) {
    const ByteVector* allowed = object.attribute(CKA_ALLOWED_MECHANISMS);
    if (allowed == nullptr) return true;
    for (std::size_t at = 0; at + sizeof(mechanism) <= allowed->size(); at += sizeof(mechanism)) {
        if (std::memcmp(allowed->data() + at, &mechanism, sizeof(mechanism)) == 0) return true;
    }
    return false;
}

}  // namespace

Key Library::key(Session& session, CK_OBJECT_HANDLE handle, const Mechanism& mechanism, CK_FLAGS use) {
    const auto row = std::find_if(std::begin(kUses), std::end(kUses), [&](const Use& u) { return u.flag == use; });
    require(row != std::end(kUses), CKR_GENERAL_ERROR);
    const auto object = any_object(session, handle);
    require(object != nullptr && object->key(), CKR_KEY_HANDLE_INVALID);
    const Key& key = *object->key();
    const CK_OBJECT_CLASS wanted = mechanism.symmetric() ? CKO_SECRET_KEY : row->object_class;
    require(object->object_class() == wanted && mechanism.fits(key.type), CKR_KEY_TYPE_INCONSISTENT);
    if (object->is_private()) card(session).require_login(key);
    const ByteVector* permitted = object->attribute(row->attribute);
    require(permitted != nullptr && *permitted == ByteVector{CK_TRUE}, CKR_KEY_FUNCTION_NOT_PERMITTED);
    require(is_allowed(*object, mechanism.type), CKR_MECHANISM_INVALID);
    return key;
}

// --- events and end ---

namespace {

// One of the providers that finish() ends the waits of. It outlives `Unlocked`, so that the set is under the lock.
class Waiting {
public:
    Waiting(std::set<transport::Provider*>& all, transport::Provider* one) : all_(all), one_(one) { all_.insert(one_); }
    ~Waiting() { all_.erase(one_); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

private:
    std::set<transport::Provider*>& all_;
    transport::Provider* one_;
};

}  // namespace

CK_SLOT_ID Library::wait_for_event(bool block) {
    // A provider of its own: the library's serves the other threads meanwhile. It looks first, so that no change falls
    // between its look and the library's.
    const auto provider = block ? transport::make_default_provider() : nullptr;
    for (;;) {
        std::vector<transport::ReaderState> known;
        try {
            if (block) known = provider->readers();
        } catch (const transport::TransportError&) {
            // No service: its coming back is a change.
        }
        slots_.look();
        if (const auto slot = slots_.take_event()) return *slot;
        require(block, CKR_NO_EVENT);
        {
            const Waiting waiting(waiting_, provider.get());
            const Unlocked unlocked(*lock_);
            try {
                static_cast<void>(provider->wait_for_change(known, kWait));
            } catch (const transport::TransportError&) {
                // Nothing says when the service is back: look now and then.
                const timespec pause{0, 250 * 1000 * 1000};
                nanosleep(&pause, nullptr);
            }
        }
        require(!finished_, CKR_CRYPTOKI_NOT_INITIALIZED);
    }
}

void Library::finish() {
    finished_ = true;
    for (transport::Provider* provider : waiting_) provider->cancel();
    for (const CK_SLOT_ID id : slots_.ids(false)) close_sessions(id);
    slots_.close();
}

// --- the one of this process ---

namespace {

// No destructor runs at exit, and nothing here has a constructor: calls may come before and after everything else.
struct Globals {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    std::atomic<pid_t> owner{0};                 // the process that has begun to initialise, whose the rest is
    std::shared_ptr<Library>* library{nullptr};  // kept on the heap for ever
};
constinit Globals globals;

class GlobalLock {
public:
    GlobalLock() { pthread_mutex_lock(&globals.mutex); }
    ~GlobalLock() { pthread_mutex_unlock(&globals.mutex); }
    GlobalLock(const GlobalLock&) = delete;
    GlobalLock& operator=(const GlobalLock&) = delete;
};

// In a child, the parent's library is left where it is, untouched: its connections, its lock (which a thread may have
// held at the fork) and the application's mutexes are the parent's.
void leave_inherited_library() {
    pid_t owner = globals.owner.load();
    const pid_t self = ::getpid();
    if (owner == self) return;
    // The first owner says so before it takes the lock: a child of a fork meanwhile must know whose it is.
    if (!globals.owner.compare_exchange_strong(owner, self) || owner == 0) return;
    globals.mutex = PTHREAD_MUTEX_INITIALIZER;
    globals.library = nullptr;
}

}  // namespace

std::shared_ptr<Library> current_library() {
    require(globals.owner.load() == ::getpid(), CKR_CRYPTOKI_NOT_INITIALIZED);
    const GlobalLock lock;
    require(globals.library != nullptr && *globals.library != nullptr, CKR_CRYPTOKI_NOT_INITIALIZED);
    return *globals.library;
}

void start_library(const CK_C_INITIALIZE_ARGS* arguments) {
    leave_inherited_library();
    const GlobalLock lock;
    if (globals.library == nullptr) globals.library = new std::shared_ptr<Library>();
    require(*globals.library == nullptr, CKR_CRYPTOKI_ALREADY_INITIALIZED);
    *globals.library = std::make_shared<Library>(arguments);
}

void stop_library() {
    auto library = current_library();
    {
        const GlobalLock lock;
        require(*globals.library == library, CKR_CRYPTOKI_NOT_INITIALIZED);
        globals.library->reset();
    }
    // It ends in any case: half an end would be worse than one without the lock.
    const bool locked = take(library->lock());
    library->finish();
    if (locked) library->lock().unlock();
}

}  // namespace sealkey::pkcs11

#include "lock.h"

#include <mutex>

namespace sealkey::pkcs11 {

namespace {

class SystemLock final : public Lock {
public:
    void lock() override { mutex_.lock(); }
    void unlock() noexcept override { mutex_.unlock(); }

private:
    std::mutex mutex_;
};

class ApplicationLock final : public Lock {
public:
    explicit ApplicationLock(const CK_C_INITIALIZE_ARGS& functions) : functions_(functions) {
        const CK_RV code = functions_.CreateMutex(&mutex_);
        require(code == CKR_OK, code == CKR_HOST_MEMORY ? CKR_HOST_MEMORY : CKR_CANT_LOCK);
    }
    ~ApplicationLock() override { functions_.DestroyMutex(mutex_); }
    ApplicationLock(const ApplicationLock&) = delete;
    ApplicationLock& operator=(const ApplicationLock&) = delete;
    void lock() override {
        // CKR_CANT_LOCK is C_Initialize's alone.
        const CK_RV code = functions_.LockMutex(mutex_);
        require(code == CKR_OK, code == CKR_HOST_MEMORY ? CKR_HOST_MEMORY : CKR_GENERAL_ERROR);
    }
    void unlock() noexcept override { functions_.UnlockMutex(mutex_); }

private:
    CK_C_INITIALIZE_ARGS functions_;
    void* mutex_ = nullptr;
};

}  // namespace

std::unique_ptr<Lock> make_lock(const CK_C_INITIALIZE_ARGS* arguments) {
    // No locking asked for: the system's mutex costs such an application nothing.
    if (arguments == nullptr) return std::make_unique<SystemLock>();
    require(arguments->pReserved == nullptr, CKR_ARGUMENTS_BAD);
    const int given = (arguments->CreateMutex != nullptr) + (arguments->DestroyMutex != nullptr) +
                      (arguments->LockMutex != nullptr) + (arguments->UnlockMutex != nullptr);
    require(given == 0 || given == 4, CKR_ARGUMENTS_BAD);
    if (given == 0 || (arguments->flags & CKF_OS_LOCKING_OK) != 0) return std::make_unique<SystemLock>();
    return std::make_unique<ApplicationLock>(*arguments);
}

}  // namespace sealkey::pkcs11

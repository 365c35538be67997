// The library, slots, sessions, login and random numbers.
#include "conformance.h"
#include "foreign_card.h"

namespace sealkey::test::conformance {

namespace {

CK_RV named_login(Scene& c, CK_USER_TYPE user, std::string pin, CK_ULONG name_length = 0) {
    unsigned char name[4] = {};
    return c.f.C_LoginUser(c.s, user, reinterpret_cast<unsigned char*>(pin.data()), pin.size(),
                           name_length > 0 ? name : nullptr, name_length);
}

// In a slot that another kind of card is in.
CK_RV with_foreign_card(Scene& c, const std::function<CK_RV()>& ask) {
    const ForeignCard card(0x6A82);
    c.end();
    ::setenv("SEALKEY_SIM_SOCKETS", card.path().c_str(), 1);
    CK_RV code = c.f.C_Initialize(nullptr);
    if (code == CKR_OK) code = ask();
    c.end();
    ::setenv("SEALKEY_SIM_SOCKETS", c.token.socket_path().c_str(), 1);
    return code;
}

// With the application's own mutexes, of which none can be made.
CK_RV without_mutexes(Scene& c, CK_CREATEMUTEX create) {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.CreateMutex = create;
    arguments.DestroyMutex = [](void*) { return CK_RV{CKR_OK}; };
    arguments.LockMutex = [](void*) { return CK_RV{CKR_OK}; };
    arguments.UnlockMutex = [](void*) { return CK_RV{CKR_OK}; };
    const CK_RV code = c.f.C_Initialize(&arguments);
    EXPECT_EQ(c.f.C_Finalize(nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
    return code;
}

// A token in use: its own officer has ended its beginnings.
CK_RV init_pin_of_a_token_in_use(Scene& c, bool known) {
    SimulatedKey used;
    const auto activate = [&] {
        const auto other = used.client();
        used.authenticate(*other);
        other->set_lifecycle(protocol::Lifecycle::secured);
    };
    if (known) activate();
    ::setenv("SEALKEY_SIM_SOCKETS", used.socket_path().c_str(), 1);
    c.begin(State::officer);
    if (!known) {
        activate();
        EXPECT_EQ(c.f.C_Logout(c.s), CKR_OK);
        EXPECT_EQ(c.login(c.s, kManagement, CKU_SO), CKR_OK);
    }
    std::memcpy(c.b, "735813", 6);
    const CK_RV code = c.f.C_InitPIN(c.s, c.b, 6);
    // The PIN is what it was.
    static_cast<void>(c.f.C_Logout(c.s));
    EXPECT_EQ(c.login(c.s, kPin), CKR_OK);
    c.end();
    ::setenv("SEALKEY_SIM_SOCKETS", c.token.socket_path().c_str(), 1);
    return code;
}

std::vector<Row> library_rows() {
    return {
        SEALKEY_ROW(C_Initialize, OK, stopped, return c.f.C_Initialize(nullptr);),
            SEALKEY_ROW(C_Initialize, ARGUMENTS_BAD, stopped, CK_C_INITIALIZE_ARGS a{}; a.pReserved = &a;
                        return c.f.C_Initialize(&a);),
            SEALKEY_ROW(C_Initialize, CANT_LOCK, stopped,
                        return without_mutexes(c, [](void**) { return CK_RV{CKR_GENERAL_ERROR}; });),
            SEALKEY_ROW(C_Initialize, HOST_MEMORY, stopped,
                        return without_mutexes(c, [](void**) { return CK_RV{CKR_HOST_MEMORY}; });),
            SEALKEY_ROW(C_Initialize, CRYPTOKI_ALREADY_INITIALIZED, open, return c.f.C_Initialize(nullptr);),
            SEALKEY_ROW(C_Finalize, OK, open, return c.f.C_Finalize(nullptr);),
            SEALKEY_ROW(C_Finalize, ARGUMENTS_BAD, open, return c.f.C_Finalize(c.b);),
            SEALKEY_ROW(C_Finalize, CRYPTOKI_NOT_INITIALIZED, stopped, return c.f.C_Finalize(nullptr);),
            SEALKEY_ROW(C_GetInfo, OK, open, CK_INFO info{}; return c.f.C_GetInfo(&info);),
            SEALKEY_ROW(C_GetInfo, ARGUMENTS_BAD, open, return c.f.C_GetInfo(nullptr);),
            SEALKEY_ROW(C_GetInfo, CRYPTOKI_NOT_INITIALIZED, stopped, CK_INFO info{}; return c.f.C_GetInfo(&info);),
            SEALKEY_ROW(C_GetFunctionList, OK, stopped, CK_FUNCTION_LIST* list = nullptr;
                        return c.f.C_GetFunctionList(&list);),
            SEALKEY_ROW(C_GetFunctionList, ARGUMENTS_BAD, stopped, return c.f.C_GetFunctionList(nullptr);),
            SEALKEY_ROW(C_GetInterfaceList, OK, stopped, CK_INTERFACE list[8]; CK_ULONG count = 8;
                        return c.f.C_GetInterfaceList(list, &count);),
            SEALKEY_ROW(C_GetInterfaceList, ARGUMENTS_BAD, stopped, return c.f.C_GetInterfaceList(nullptr, nullptr);),
            SEALKEY_ROW(C_GetInterfaceList, BUFFER_TOO_SMALL, stopped, CK_INTERFACE list[1]; CK_ULONG count = 1;
                        return c.f.C_GetInterfaceList(list, &count);),
            SEALKEY_ROW(C_GetInterface, OK, stopped, CK_INTERFACE* one = nullptr;
                        return c.f.C_GetInterface(nullptr, nullptr, &one, 0);),
            SEALKEY_ROW(C_GetInterface, ARGUMENTS_BAD, stopped,
                        return c.f.C_GetInterface(nullptr, nullptr, nullptr, 0);),
    };
}

std::vector<Row> slot_rows() {
    return {
        SEALKEY_ROW(C_GetSlotList, OK, open, return c.f.C_GetSlotList(CK_FALSE, nullptr, &c.length);),
            SEALKEY_ROW(C_GetSlotList, ARGUMENTS_BAD, open, return c.f.C_GetSlotList(CK_FALSE, nullptr, nullptr);),
            SEALKEY_ROW(C_GetSlotList, BUFFER_TOO_SMALL, open, CK_SLOT_ID one = 0; c.length = 1;
                        return c.f.C_GetSlotList(CK_FALSE, &one, &c.length);),
            SEALKEY_ROW(C_GetSlotList, CRYPTOKI_NOT_INITIALIZED, stopped,
                        return c.f.C_GetSlotList(CK_FALSE, nullptr, &c.length);),
            SEALKEY_ROW(C_GetSlotInfo, OK, open, CK_SLOT_INFO info{}; return c.f.C_GetSlotInfo(0, &info);),
            SEALKEY_ROW(C_GetSlotInfo, ARGUMENTS_BAD, open, return c.f.C_GetSlotInfo(0, nullptr);),
            SEALKEY_ROW(C_GetTokenInfo, OK, open, CK_TOKEN_INFO info{}; return c.f.C_GetTokenInfo(0, &info);),
            SEALKEY_ROW(C_GetTokenInfo, ARGUMENTS_BAD, open, return c.f.C_GetTokenInfo(0, nullptr);),
            SEALKEY_ROW(C_GetMechanismList, OK, open, return c.f.C_GetMechanismList(0, nullptr, &c.length);),
            SEALKEY_ROW(C_GetMechanismList, ARGUMENTS_BAD, open, return c.f.C_GetMechanismList(0, nullptr, nullptr);),
            SEALKEY_ROW(C_GetMechanismList, BUFFER_TOO_SMALL, open, CK_MECHANISM_TYPE one = 0; c.length = 1;
                        return c.f.C_GetMechanismList(0, &one, &c.length);),
            SEALKEY_ROW(C_GetMechanismInfo, OK, open, CK_MECHANISM_INFO info{};
                        return c.f.C_GetMechanismInfo(0, CKM_ECDSA, &info);),
            SEALKEY_ROW(C_GetMechanismInfo, ARGUMENTS_BAD, open, return c.f.C_GetMechanismInfo(0, CKM_ECDSA, nullptr);),
            SEALKEY_ROW(C_GetMechanismInfo, MECHANISM_INVALID, open, CK_MECHANISM_INFO info{};
                        return c.f.C_GetMechanismInfo(0, CKM_MD5, &info);),
            SEALKEY_ROW(C_WaitForSlotEvent, OK, open, c.token.unplug(); CK_SLOT_ID slot = 0;
                        const CK_RV code = c.f.C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr); c.token.plug();
                        return code;),
            SEALKEY_ROW(C_WaitForSlotEvent, NO_EVENT, open, CK_SLOT_ID slot = 0;
                        return c.f.C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr);),
            SEALKEY_ROW(C_WaitForSlotEvent, ARGUMENTS_BAD, open,
                        return c.f.C_WaitForSlotEvent(CKF_DONT_BLOCK, nullptr, nullptr);),
            SEALKEY_ROW(C_WaitForSlotEvent, CRYPTOKI_NOT_INITIALIZED, stopped, CK_SLOT_ID slot = 0;
                        return c.f.C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr);),
            SEALKEY_ROW(C_InitToken, ARGUMENTS_BAD, open, return c.f.C_InitToken(0, c.b, 8, nullptr);),
            SEALKEY_ROW(C_InitToken, SESSION_EXISTS, open, return c.f.C_InitToken(0, c.b, 8, c.b);),
            SEALKEY_ROW(C_InitToken, FUNCTION_NOT_SUPPORTED, open, c.f.C_CloseAllSessions(0);
                        return c.f.C_InitToken(0, c.b, 8, c.b);),
    };
}

// What every function of a slot answers for a slot that is none, that is empty, and that has a stranger in it.
std::vector<Row> strange_slot_rows() {
    struct Call {
        std::string_view function;
        std::function<CK_RV(Scene&, CK_SLOT_ID)> call;
        bool looks_at_the_token;
    };
    const Call calls[] = {
        {"C_GetSlotInfo",
         [](Scene& c, auto id) {
             CK_SLOT_INFO i{};
             return c.f.C_GetSlotInfo(id, &i);
         },
         false},
        {"C_GetTokenInfo",
         [](Scene& c, auto id) {
             CK_TOKEN_INFO i{};
             return c.f.C_GetTokenInfo(id, &i);
         },
         true},
        {"C_GetMechanismList", [](Scene& c, auto id) { return c.f.C_GetMechanismList(id, nullptr, &c.length); }, true},
        {"C_GetMechanismInfo",
         [](Scene& c, auto id) {
             CK_MECHANISM_INFO i{};
             return c.f.C_GetMechanismInfo(id, CKM_ECDSA, &i);
         },
         true},
        {"C_InitToken", [](Scene& c, auto id) { return c.f.C_InitToken(id, c.b, 8, c.b); }, true},
        {"C_OpenSession",
         [](Scene& c, auto id) { return c.f.C_OpenSession(id, CKF_SERIAL_SESSION, nullptr, nullptr, &c.made); }, true},
        {"C_CloseAllSessions", [](Scene& c, auto id) { return c.f.C_CloseAllSessions(id); }, false},
    };
    std::vector<Row> rows;
    for (const Call& one : calls) {
        const auto call = one.call;
        rows.push_back(
            {one.function, CKR_CRYPTOKI_NOT_INITIALIZED, State::stopped, [=](Scene& c) { return call(c, 0); }});
        rows.push_back({one.function, CKR_SLOT_ID_INVALID, State::open, [=](Scene& c) { return call(c, 99); }});
        if (!one.looks_at_the_token) continue;
        rows.push_back({one.function, CKR_TOKEN_NOT_PRESENT, State::open, [=](Scene& c) { return call(c, c.empty); }});
        rows.push_back({one.function, CKR_TOKEN_NOT_RECOGNIZED, State::stopped,
                        [=](Scene& c) { return with_foreign_card(c, [&] { return call(c, 0); }); }});
    }
    return rows;
}

std::vector<Row> session_rows() {
    return {
        SEALKEY_ROW(C_OpenSession, OK, open,
                    return c.f.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &c.made);),
            SEALKEY_ROW(C_OpenSession, ARGUMENTS_BAD, open,
                        return c.f.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, nullptr);),
            SEALKEY_ROW(C_OpenSession, SESSION_PARALLEL_NOT_SUPPORTED, open,
                        return c.f.C_OpenSession(0, 0, nullptr, nullptr, &c.made);),
            SEALKEY_ROW(C_OpenSession, SESSION_READ_WRITE_SO_EXISTS, officer,
                        return c.f.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &c.made);),
            SEALKEY_ROW(C_CloseSession, OK, open, return c.f.C_CloseSession(c.s);),
            SEALKEY_ROW(C_CloseAllSessions, OK, open, return c.f.C_CloseAllSessions(0);),
            SEALKEY_ROW(C_GetSessionInfo, OK, open, CK_SESSION_INFO info{}; return c.f.C_GetSessionInfo(c.s, &info);),
            SEALKEY_ROW(C_GetSessionInfo, ARGUMENTS_BAD, open, return c.f.C_GetSessionInfo(c.s, nullptr);),
            SEALKEY_ROW(C_SessionCancel, OK, open, static_cast<void>(c.digest());
                        return c.f.C_SessionCancel(c.s, CKF_DIGEST);),
            SEALKEY_ROW(C_GetOperationState, ARGUMENTS_BAD, open, return c.f.C_GetOperationState(c.s, c.b, nullptr);),
            SEALKEY_ROW(C_GetOperationState, OPERATION_NOT_INITIALIZED, open,
                        return c.f.C_GetOperationState(c.s, c.b, &c.length);),
            SEALKEY_ROW(C_GetOperationState, STATE_UNSAVEABLE, open, static_cast<void>(c.digest());
                        return c.f.C_GetOperationState(c.s, c.b, &c.length);),
            SEALKEY_ROW(C_SetOperationState, ARGUMENTS_BAD, open,
                        return c.f.C_SetOperationState(c.s, nullptr, 1, 0, 0);),
            SEALKEY_ROW(C_SetOperationState, SAVED_STATE_INVALID, open,
                        return c.f.C_SetOperationState(c.s, c.b, 1, 0, 0);),
            SEALKEY_ROW(C_GetFunctionStatus, FUNCTION_NOT_PARALLEL, open, return c.f.C_GetFunctionStatus(c.s);),
            SEALKEY_ROW(C_CancelFunction, FUNCTION_NOT_PARALLEL, open, return c.f.C_CancelFunction(c.s);),
            SEALKEY_ROW(C_SeedRandom, ARGUMENTS_BAD, open, return c.f.C_SeedRandom(c.s, nullptr, 1);),
            SEALKEY_ROW(C_SeedRandom, RANDOM_SEED_NOT_SUPPORTED, open, return c.f.C_SeedRandom(c.s, c.b, 1);),
            SEALKEY_ROW(C_GenerateRandom, OK, open, return c.f.C_GenerateRandom(c.s, c.b, 16);),
            SEALKEY_ROW(C_GenerateRandom, ARGUMENTS_BAD, open, return c.f.C_GenerateRandom(c.s, nullptr, 16);),
    };
}

// C_Login and C_LoginUser answer alike.
std::vector<Row> login_rows() {
    using Login = std::function<CK_RV(Scene&, CK_USER_TYPE, const char*)>;
    const std::pair<std::string_view, Login> functions[] = {
        {"C_Login", [](Scene& c, CK_USER_TYPE user, const char* pin) { return c.login(c.s, pin, user); }},
        {"C_LoginUser", [](Scene& c, CK_USER_TYPE user, const char* pin) { return named_login(c, user, pin); }},
    };
    std::vector<Row> rows;
    for (const auto& [name, login] : functions) {
        const Login in = login;
        const auto add = [&, name = name](CK_RV code, State state, std::function<CK_RV(Scene&)> call) {
            rows.push_back({name, code, state, std::move(call)});
        };
        add(CKR_OK, State::open, [=](Scene& c) { return in(c, CKU_USER, kPin); });
        add(CKR_OPERATION_NOT_INITIALIZED, State::user, [=](Scene& c) { return in(c, CKU_CONTEXT_SPECIFIC, kPin); });
        add(CKR_PIN_INCORRECT, State::open, [=](Scene& c) {
            const CK_RV code = in(c, CKU_USER, "999999");
            EXPECT_EQ(in(c, CKU_USER, kPin), CKR_OK);
            return code;
        });
        add(CKR_PIN_LOCKED, State::open,
            [=](Scene& c) { return c.while_locked([&] { return in(c, CKU_USER, kPin); }); });
        add(CKR_SESSION_READ_ONLY_EXISTS, State::open, [=](Scene& c) {
            static_cast<void>(c.open());
            return in(c, CKU_SO, kPin);
        });
        add(CKR_USER_ALREADY_LOGGED_IN, State::user, [=](Scene& c) { return in(c, CKU_USER, kPin); });
        add(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, State::officer, [=](Scene& c) { return in(c, CKU_USER, kPin); });
        add(CKR_USER_TYPE_INVALID, State::open, [=](Scene& c) { return in(c, 9, kPin); });
        add(CKR_DEVICE_REMOVED, State::open,
            [=](Scene& c) { return c.without_token([&] { return in(c, CKU_USER, kPin); }); });
    }
    return rows;
}

std::vector<Row> pin_rows() {
    return {
        SEALKEY_ROW(C_Login, ARGUMENTS_BAD, open, return c.f.C_Login(c.s, CKU_USER, nullptr, 6);),
            SEALKEY_ROW(C_LoginUser, ARGUMENTS_BAD, open,
                        return c.f.C_LoginUser(c.s, CKU_USER, nullptr, 6, nullptr, 0);),
            SEALKEY_ROW(C_LoginUser, USER_TYPE_INVALID, open, return named_login(c, CKU_USER, kPin, 4);),
            SEALKEY_ROW(C_Logout, OK, user, return c.f.C_Logout(c.s);),
            SEALKEY_ROW(C_Logout, USER_NOT_LOGGED_IN, open, return c.f.C_Logout(c.s);),
            SEALKEY_ROW(C_Logout, DEVICE_REMOVED, user, return c.without_token([&] { return c.f.C_Logout(c.s); });),
            SEALKEY_ROW(C_SetPIN, OK, open, return c.set_pin(kPin, kPin);),
            SEALKEY_ROW(C_SetPIN, ARGUMENTS_BAD, open, return c.f.C_SetPIN(c.s, c.b, 6, nullptr, 6);),
            SEALKEY_ROW(C_SetPIN, PIN_INCORRECT, open, const CK_RV code = c.set_pin("999999", kPin);
                        EXPECT_EQ(c.login(c.s, kPin), CKR_OK); return code;),
            SEALKEY_ROW(C_SetPIN, PIN_LEN_RANGE, open, return c.set_pin(kPin, "12345");),
            SEALKEY_ROW(C_SetPIN, PIN_LOCKED, open, return c.while_locked([&] { return c.set_pin(kPin, "654321"); });),
            SEALKEY_ROW(C_SetPIN, SESSION_READ_ONLY, open, c.s = c.open(); return c.set_pin(kPin, kPin);),
            SEALKEY_ROW(C_SetPIN, DEVICE_REMOVED, open, return c.without_token([&] { return c.set_pin(kPin, kPin); });),
            SEALKEY_ROW(C_InitPIN, ARGUMENTS_BAD, officer, return c.f.C_InitPIN(c.s, nullptr, 6);),
            SEALKEY_ROW(C_InitPIN, PIN_LEN_RANGE, officer, return c.f.C_InitPIN(c.s, c.b, 3);),
            SEALKEY_ROW(C_InitPIN, SESSION_READ_ONLY, open, return c.f.C_InitPIN(c.open(), c.b, 8);),
            SEALKEY_ROW(C_InitPIN, USER_NOT_LOGGED_IN, user, return c.f.C_InitPIN(c.s, c.b, 8);),
            SEALKEY_ROW(C_InitPIN, OK, officer, std::memcpy(c.b, kPin, 6); return c.f.C_InitPIN(c.s, c.b, 6);),
            SEALKEY_ROW(C_InitPIN, TOKEN_WRITE_PROTECTED, stopped, return init_pin_of_a_token_in_use(c, true);),
            SEALKEY_ROW(C_InitPIN, TOKEN_WRITE_PROTECTED, stopped, return init_pin_of_a_token_in_use(c, false);),
            SEALKEY_ROW(C_InitPIN, DEVICE_REMOVED, officer, std::memcpy(c.b, kPin, 6);
                        return c.without_token([&] { return c.f.C_InitPIN(c.s, c.b, 6); });),
    };
}

}  // namespace

std::vector<Row> general_rows() {
    std::vector<Row> all;
    for (auto&& some : {library_rows(), slot_rows(), strange_slot_rows(), session_rows(), login_rows(), pin_rows()}) {
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

}  // namespace sealkey::test::conformance

// Preloaded into a program that keeps its data in SQLite: kills it, as kill -9 would, at its commit with the number in
// SEALKEY_KILL_AT, 1 being the first since its start: before it ("5b") or after it ("5a"). The number of the commits
// that were done is written to the file SEALKEY_KILL_COUNT.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct sqlite3;
struct sqlite3_stmt;

static atomic_int commits;

static void count_into_file(int number) {
    const char* path = getenv("SEALKEY_KILL_COUNT");
    FILE* file = path == NULL ? NULL : fopen(path, "w");
    if (file == NULL) return;
    fprintf(file, "%d\n", number);
    fclose(file);
}

static int is_commit(const char* text) { return text != NULL && strncasecmp(text, "COMMIT", 6) == 0; }

static void strike(int number, char moment) {
    const char* wanted = getenv("SEALKEY_KILL_AT");
    if (wanted == NULL) return;
    if (atoi(wanted) == number && wanted[strlen(wanted) - 1] == moment) raise(SIGKILL);
}

int sqlite3_step(struct sqlite3_stmt* statement) {
    static int (*real)(struct sqlite3_stmt*);
    static const char* (*text_of)(struct sqlite3_stmt*);
    if (real == NULL) {
        *(void**)&text_of = dlsym(RTLD_NEXT, "sqlite3_sql");
        *(void**)&real = dlsym(RTLD_NEXT, "sqlite3_step");
    }
    if (!is_commit(text_of(statement))) return real(statement);
    const int number = atomic_fetch_add(&commits, 1) + 1;
    strike(number, 'b');
    const int result = real(statement);
    count_into_file(number);
    strike(number, 'a');
    return result;
}

int sqlite3_exec(struct sqlite3* database, const char* text, int (*each)(void*, int, char**, char**), void* user,
                 char** error) {
    static int (*real)(struct sqlite3*, const char*, int (*)(void*, int, char**, char**), void*, char**);
    if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "sqlite3_exec");
    if (!is_commit(text)) return real(database, text, each, user, error);
    const int number = atomic_fetch_add(&commits, 1) + 1;
    strike(number, 'b');
    const int result = real(database, text, each, user, error);
    count_into_file(number);
    strike(number, 'a');
    return result;
}

#include <curl/curl.h>

#include "sign/error.h"
#include "sign/timestamp.h"

namespace sealkey::sign {

namespace {

constexpr long kConnectSeconds = 10;
constexpr long kAnswerSeconds = 30;

using Connection = seal::Owned<CURL, curl_easy_cleanup>;
using Headers = seal::Owned<curl_slist, curl_slist_free_all>;

// Less than it was given ends the transfer.
std::size_t take(const char* data, std::size_t, std::size_t size, void* into) {
    auto& answer = *static_cast<ByteVector*>(into);
    if (size > kMaxTimestampAnswer - answer.size()) return 0;
    answer.insert(answer.end(), data, data + size);
    return size;
}

[[noreturn]] void unavailable(const std::string& url, const std::string& reason) {
    throw SignError(Fault::no_timestamp, mark("No timestamp from %1: %2."), {url, reason});
}

}  // namespace

ByteVector post_timestamp_request(const std::string& url, Bytes request) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    const Connection curl(ready == CURLE_OK ? curl_easy_init() : nullptr);
    Headers headers(curl_slist_append(nullptr, "Content-Type: application/timestamp-query"));
    if (!curl || !headers) unavailable(url, "libcurl");
    ByteVector answer;
    CURL* c = curl.get();
    curl_easy_setopt(c, CURLOPT_URL, url.c_str());
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, kAnswerSeconds);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.size()));
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, request.data());
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer);
    const CURLcode done = curl_easy_perform(c);
    if (done == CURLE_WRITE_ERROR) unavailable(url, "the answer is too long");
    if (done != CURLE_OK) unavailable(url, curl_easy_strerror(done));
    long status = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) unavailable(url, "HTTP " + std::to_string(status));
    return answer;
}

}  // namespace sealkey::sign

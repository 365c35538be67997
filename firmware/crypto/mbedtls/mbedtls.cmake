# mbedTLS 3.6 LTS from source: one version for every part, one configuration header per use.
#
# The source tree is the first of these that works:
#   1. -DSEALKEY_MBEDTLS_SOURCE=DIR
#   2. Debian's source package of suite trixie (fetch.sh; apt checks the signature)
#   3. the upstream release archive, pinned by SHA-256
set(SEALKEY_MBEDTLS_UPSTREAM_VERSION 3.6.6)
set(SEALKEY_MBEDTLS_UPSTREAM_SHA256 8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a)

function(sealkey_find_mbedtls out)
  if(SEALKEY_MBEDTLS_SOURCE)
    if(NOT EXISTS "${SEALKEY_MBEDTLS_SOURCE}/include/mbedtls/build_info.h")
      message(FATAL_ERROR "SEALKEY_MBEDTLS_SOURCE=${SEALKEY_MBEDTLS_SOURCE} is not an mbedTLS source tree")
    endif()
    set(${out} "${SEALKEY_MBEDTLS_SOURCE}" PARENT_SCOPE)
    return()
  endif()
  # One copy beside all build folders.
  set(tree "${CMAKE_SOURCE_DIR}/build/mbedtls")
  execute_process(COMMAND sh "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/fetch.sh" "${tree}"
    RESULT_VARIABLE failed OUTPUT_VARIABLE version ERROR_VARIABLE why OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT failed)
    message(STATUS "mbedTLS ${version} (Debian source package)")
    set(${out} "${tree}" PARENT_SCOPE)
    return()
  endif()
  message(STATUS "${why}")
  message(STATUS "Trying the upstream release archive of mbedTLS ${SEALKEY_MBEDTLS_UPSTREAM_VERSION}")
  include(FetchContent)
  FetchContent_Declare(mbedtls_upstream
    URL https://github.com/Mbed-TLS/mbedtls/releases/download/mbedtls-${SEALKEY_MBEDTLS_UPSTREAM_VERSION}/mbedtls-${SEALKEY_MBEDTLS_UPSTREAM_VERSION}.tar.bz2
    URL_HASH SHA256=${SEALKEY_MBEDTLS_UPSTREAM_SHA256}
    DOWNLOAD_EXTRACT_TIMESTAMP FALSE)
  FetchContent_Populate(mbedtls_upstream)
  set(${out} "${mbedtls_upstream_SOURCE_DIR}" PARENT_SCOPE)
endfunction()

sealkey_find_mbedtls(SEALKEY_MBEDTLS_TREE)
file(STRINGS "${SEALKEY_MBEDTLS_TREE}/include/mbedtls/build_info.h" version_line REGEX "define MBEDTLS_VERSION_STRING  ")
if(NOT version_line MATCHES "\"3\\.6\\.")
  message(FATAL_ERROR "mbedTLS 3.6 is needed, found: ${version_line}")
endif()
message(STATUS "mbedTLS tree: ${SEALKEY_MBEDTLS_TREE} ${version_line}")

# sealkey_add_mbedtls(NAME CONFIG_HEADER): a static library with that configuration, symbols hidden. A board may set
# SEALKEY_MBEDTLS_OPTIMISE.
set(SEALKEY_MBEDTLS_OPTIMISE -O2 CACHE STRING "How mbedTLS is optimised")
function(sealkey_add_mbedtls name config)
  file(GLOB sources "${SEALKEY_MBEDTLS_TREE}/library/*.c")
  list(FILTER sources EXCLUDE REGEX "/(ssl_|net_sockets|mps_|debug)[^/]*$")
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} SYSTEM PUBLIC "${SEALKEY_MBEDTLS_TREE}/include")
  target_include_directories(${name} PRIVATE "${SEALKEY_MBEDTLS_TREE}/library")
  target_compile_definitions(${name} PUBLIC MBEDTLS_CONFIG_FILE="${config}")
  target_compile_options(${name} PRIVATE -w ${SEALKEY_MBEDTLS_OPTIMISE})
  set_target_properties(${name} PROPERTIES C_VISIBILITY_PRESET hidden)
endfunction()

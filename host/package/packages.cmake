# Three Debian packages by CPack; what they link is found by dpkg-shlibdeps. None of them has a configuration file or a
# maintainer script: installing and removing them changes nothing else.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sealkey)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR sealkey)
set(CPACK_PACKAGE_CONTACT "sealkey maintainers <maintainers@sealkey.invalid>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL sealkey-token libsealkey-pkcs11 sealkey-bench)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)

set(CPACK_COMPONENT_SEALKEY-TOKEN_DESCRIPTION "tool for an enterprise's electronic key
sealkey shows, activates and unlocks an enterprise's electronic key, signs
and stamps documents with it, renews it, makes it known to browsers, and
finds out why it can't be used.")
set(CPACK_DEBIAN_SEALKEY-TOKEN_PACKAGE_NAME sealkey-token)
set(CPACK_DEBIAN_SEALKEY-TOKEN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_SEALKEY-TOKEN_PACKAGE_RECOMMENDS "libsealkey-pkcs11 (= ${PROJECT_VERSION}), libnss3-tools, pcscd")

set(CPACK_COMPONENT_LIBSEALKEY-PKCS11_DESCRIPTION "PKCS#11 module for an enterprise's electronic key
The module gives browsers, OpenSSL, GnuTLS, OpenSSH, Java and other programs
the certificates and keys of an electronic key. p11-kit knows it as soon as
the package is installed; sealkey browser enable makes it known to browsers.")
set(CPACK_DEBIAN_LIBSEALKEY-PKCS11_PACKAGE_NAME libsealkey-pkcs11)
set(CPACK_DEBIAN_LIBSEALKEY-PKCS11_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBSEALKEY-PKCS11_PACKAGE_RECOMMENDS pcscd)
set(CPACK_DEBIAN_LIBSEALKEY-PKCS11_PACKAGE_SUGGESTS "p11-kit, sealkey-token")

set(CPACK_COMPONENT_SEALKEY-BENCH_DESCRIPTION "CA provider's bench for electronic keys
sealkey-bench makes electronic keys for enterprises: certificates, seals and
records, activation and reset codes, renewals, revocation and the inventory.
sealkey-sim simulates a key, to try all of it without one.")
set(CPACK_DEBIAN_SEALKEY-BENCH_PACKAGE_NAME sealkey-bench)
set(CPACK_DEBIAN_SEALKEY-BENCH_PACKAGE_SECTION utils)
# Messages that both programs have are in sealkey-token's catalogue.
set(CPACK_DEBIAN_SEALKEY-BENCH_PACKAGE_DEPENDS "sealkey-token (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_SEALKEY-BENCH_PACKAGE_RECOMMENDS "opensc, pcscd")
set(CPACK_DEBIAN_SEALKEY-BENCH_PACKAGE_SUGGESTS "libsealkey-pkcs11, vsmartcard-vpcd")

include(CPack)

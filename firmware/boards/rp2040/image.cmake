# The board's image in the main build: target rp2040_image, files build/rp2040/sealkey-rp2040.{elf,bin,uf2}. It is a project
# with its own compiler (CMakeLists.txt beside this), configured and built from here.
find_program(SEALKEY_ARM_COMPILER arm-none-eabi-g++)
if(SEALKEY_ARM_COMPILER)
  option(SEALKEY_RP2040 "Build the image for a Raspberry Pi Pico" ON)
else()
  option(SEALKEY_RP2040 "Build the image for a Raspberry Pi Pico" OFF)
  message(STATUS "The board's image isn't built: there is no arm-none-eabi-g++ (sim/setup.sh --tests brings it)")
endif()
set(SEALKEY_PICO_SDK "" CACHE PATH "An unpacked pico-sdk 2.1; empty: fetched, see firmware/boards/rp2040/fetch.sh")
set(SEALKEY_TINYUSB "" CACHE PATH "An unpacked TinyUSB 0.18; empty: fetched, see firmware/boards/rp2040/fetch.sh")

function(sealkey_find_pico_sdk)
  if(SEALKEY_PICO_SDK AND SEALKEY_TINYUSB)
    if(NOT EXISTS "${SEALKEY_PICO_SDK}/pico_sdk_init.cmake")
      message(FATAL_ERROR "SEALKEY_PICO_SDK=${SEALKEY_PICO_SDK} is not a pico-sdk source tree")
    elseif(NOT EXISTS "${SEALKEY_TINYUSB}/src/portable/raspberrypi/rp2040/dcd_rp2040.c")
      message(FATAL_ERROR "SEALKEY_TINYUSB=${SEALKEY_TINYUSB} is not a TinyUSB source tree")
    endif()
    message(STATUS "pico-sdk: ${SEALKEY_PICO_SDK}, TinyUSB: ${SEALKEY_TINYUSB}")
  elseif(SEALKEY_PICO_SDK OR SEALKEY_TINYUSB)
    message(FATAL_ERROR "SEALKEY_PICO_SDK and SEALKEY_TINYUSB go together: give both, or none")
  else()
    execute_process(COMMAND sh "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/fetch.sh" "${CMAKE_SOURCE_DIR}/build"
      RESULT_VARIABLE failed OUTPUT_VARIABLE versions ERROR_VARIABLE why OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(failed)
      message(FATAL_ERROR "${why}")
    endif()
    string(REPLACE "\n" "\n--   " versions "${versions}")
    message(STATUS "For the board:\n--   ${versions}")
    set(SEALKEY_PICO_SDK "${CMAKE_SOURCE_DIR}/build/pico-sdk")
    set(SEALKEY_TINYUSB "${CMAKE_SOURCE_DIR}/build/tinyusb")
  endif()
  set(SEALKEY_PICO_SDK "${SEALKEY_PICO_SDK}" PARENT_SCOPE)
  set(SEALKEY_TINYUSB "${SEALKEY_TINYUSB}" PARENT_SCOPE)
endfunction()

# sealkey_add_rp2040_image(TARGET FOLDER [ALL] [definitions...]): the image with these CMake definitions, built in FOLDER.
function(sealkey_add_rp2040_image name folder)
  cmake_parse_arguments(arg "ALL" "" "" ${ARGN})
  set(all)
  if(NOT arg_ALL)
    set(all EXCLUDE_FROM_ALL ON)
  endif()
  ExternalProject_Add(${name}
    SOURCE_DIR "${CMAKE_SOURCE_DIR}/firmware/boards/rp2040"
    PREFIX "${CMAKE_BINARY_DIR}/${name}"
    BINARY_DIR "${folder}"
    CMAKE_GENERATOR Ninja
    CMAKE_ARGS
      -DCMAKE_BUILD_TYPE=MinSizeRel
      -DSEALKEY_VERSION=${PROJECT_VERSION}
      -DSEALKEY_MBEDTLS_SOURCE=${SEALKEY_MBEDTLS_TREE}
      -DPICO_SDK_PATH=${SEALKEY_PICO_SDK}
      -DPICO_TINYUSB_PATH=${SEALKEY_TINYUSB}
      -DCMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER}
      -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
      ${arg_UNPARSED_ARGUMENTS}
    BUILD_ALWAYS ON
    INSTALL_COMMAND ""
    ${all})
endfunction()

# One folder for all presets: the host's sanitizers have no meaning on the board.
if(SEALKEY_RP2040 AND NOT SEALKEY_FUZZ AND NOT SEALKEY_SANITIZE AND NOT SEALKEY_SANITIZE_THREADS)
  if(NOT SEALKEY_ARM_COMPILER)
    message(FATAL_ERROR "The board's image needs arm-none-eabi-g++ (Debian packages gcc-arm-none-eabi, "
      "libstdc++-arm-none-eabi-newlib; sim/setup.sh --tests installs them). Without the image: -DSEALKEY_RP2040=OFF")
  endif()
  include(ExternalProject)
  sealkey_find_pico_sdk()
  sealkey_add_rp2040_image(rp2040_image "${CMAKE_SOURCE_DIR}/build/rp2040" ALL)
  if(SEALKEY_TESTS)
    # Never to be flashed on a key: it has a command that lasts, for the tests of time extensions.
    sealkey_add_rp2040_image(rp2040_test_image "${CMAKE_SOURCE_DIR}/build/rp2040-test" ALL -DSEALKEY_LONG_COMMAND=ON)
    add_dependencies(rp2040_test_image rp2040_image)  # so that the compiler's cache has it all
  endif()
endif()

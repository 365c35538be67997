// mbedTLS on the board: the token's configuration, with the choices that this core's instruction counts and the image's
// size made (docs/board.md).
#pragma once

#include "../../crypto/mbedtls/token_config.h"

#include "support/token_fixture.h"

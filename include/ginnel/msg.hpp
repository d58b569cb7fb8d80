#pragma once

// The floor `msg`: messaging in shared memory.

#include "ginnel/msg/message.hpp"
#include "ginnel/msg/topic.hpp"

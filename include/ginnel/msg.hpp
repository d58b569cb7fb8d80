#pragma once

// The floor `msg`: messaging in shared memory.

#include "ginnel/msg/channel.hpp"
#include "ginnel/msg/latest.hpp"
#include "ginnel/msg/message.hpp"
#include "ginnel/msg/queue.hpp"
#include "ginnel/msg/sample.hpp"
#include "ginnel/msg/service.hpp"
#include "ginnel/msg/topic.hpp"
#include "ginnel/msg/waiting.hpp"

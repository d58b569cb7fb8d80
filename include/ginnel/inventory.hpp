#pragma once

// The floor `inventory`: what IPC objects exist, who holds them, who waits for whom, what may go.

#include "ginnel/inventory/fact.hpp"
#include "ginnel/inventory/graph.hpp"
#include "ginnel/inventory/limits.hpp"
#include "ginnel/inventory/object.hpp"
#include "ginnel/inventory/plan.hpp"
#include "ginnel/inventory/poll.hpp"
#include "ginnel/inventory/snapshot.hpp"
#include "ginnel/inventory/verdict.hpp"
#include "ginnel/inventory/waits.hpp"

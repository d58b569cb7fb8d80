#pragma once

// The floor `measure`: what each mechanism costs here, and which to choose.

#include "ginnel/measure/carrier.hpp"
#include "ginnel/measure/carrier_loops.hpp"
#include "ginnel/measure/choice.hpp"
#include "ginnel/measure/figure.hpp"
#include "ginnel/measure/histogram.hpp"
#include "ginnel/measure/knowledge.hpp"
#include "ginnel/measure/limits.hpp"
#include "ginnel/measure/noise.hpp"
#include "ginnel/measure/placement.hpp"
#include "ginnel/measure/run.hpp"
#include "ginnel/measure/schedule.hpp"
#include "ginnel/measure/trial.hpp"

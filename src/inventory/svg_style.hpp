#pragma once

// The measures that the layout and the drawing share, in pixels.

namespace ginnel::inventory {

inline constexpr double title_size = 13;
inline constexpr double small_size = 10.5;
inline constexpr double row_height = 14;
inline constexpr double box_height = 44;
inline constexpr double box_padding = 14;
inline constexpr double label_padding = 7;
inline constexpr double port_distance = 13;  ///< between the ends of lines at a box
inline constexpr double arrow_length = 8;
inline constexpr double arrow_half_width = 4;

}  // namespace ginnel::inventory

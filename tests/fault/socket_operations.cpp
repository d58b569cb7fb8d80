#include "operations.hpp"

namespace ginnel::fault {

std::vector<Operation> socket_operations() { return {}; }

}  // namespace ginnel::fault

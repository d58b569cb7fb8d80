#include <cstdio>
#include <ginnel/core.hpp>
#include <ginnel/sys.hpp>

int main() {
  const auto pipe = ginnel::Pipe::create();
  if (!pipe) {
    std::puts(pipe.error().message().c_str());
    return 1;
  }
  std::puts(pipe->read_end.get() != pipe->write_end.get() ? "ok" : "one descriptor for both ends");
  return 0;
}

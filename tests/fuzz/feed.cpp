#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "target.hpp"

// feed FOLDER: gives each file of the folder to the target, where there is no libFuzzer to do so.

int main(int count, char** words) {
  if (count != 2) return 2;
  int fed = 0;
  for (const auto& entry : std::filesystem::directory_iterator{words[1]}) {
    std::ifstream file{entry.path(), std::ios::binary};
    const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
    std::printf("%s: %zu bytes\n", entry.path().filename().c_str(), bytes.size());
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    ++fed;
  }
  return fed == 0 ? 1 : 0;
}

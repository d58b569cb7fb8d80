#include "crash/images.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <vector>

#include "ginnel/core/unique_fd.hpp"

namespace ginnel::crash {
namespace {

using Image = std::map<std::string, std::vector<char>>;

Image image_of(const std::string& home) {
  Image image;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{home}) {
    std::error_code gone;
    const std::string name = std::filesystem::relative(entry.path(), home);
    if (entry.is_directory(gone)) {
      image[name + "/"];
      continue;
    }
    const UniqueFd file{::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file.valid()) continue;
    std::vector<char>& bytes = image[name];
    bytes.resize(std::filesystem::file_size(entry.path(), gone));
    std::size_t have = 0;
    while (have < bytes.size()) {
      const ssize_t count = ::read(file.get(), bytes.data() + have, bytes.size() - have);
      if (count <= 0) break;
      have += static_cast<std::size_t>(count);
    }
  }
  return image;
}

void lay_out(const Image& image, const std::string& home) {
  std::filesystem::create_directory(home);
  ::chmod(home.c_str(), 0700);
  for (const auto& [name, bytes] : image) {
    const std::string path = home + "/" + name;
    if (name.ends_with('/')) {
      std::filesystem::create_directories(path);
      ::chmod(path.c_str(), 0700);
      continue;
    }
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
    ::chmod(std::filesystem::path{path}.parent_path().c_str(), 0700);
    const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    require(::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
            "no room for an image");
  }
}

/// In a process of its own, as one who comes after all others have died. Empty: it held.
std::string recover_from(World& world, const std::string& home) {
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) < 0) throw Broken{"pipe2"};
  const pid_t child = ::fork();
  if (child < 0) throw Broken{"fork"};
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setenv("GINNEL_HOME", home.c_str(), 1);
    std::string broken;
    try {
      world.judge_image();
    } catch (const Broken& what) {
      broken = what.what;
    }
    static_cast<void>(::write(report[1], broken.data(), broken.size()));
    ::_exit(0);
  }
  ::close(report[1]);
  const UniqueFd from{report[0]};
  std::array<char, 400> text{};
  const ssize_t length = ::read(from.get(), text.data(), text.size());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) return "a crash";
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
}

}  // namespace

long judge_images(const Course& course, World& world, test::SteppedProcess& process) {
  const std::string home{course.home};
  const std::string copy = home + "-image";
  Image latest = image_of(home);
  long count = 0;
  while (process.step_once() && !process.ended()) {
    Image now = image_of(home);
    if (now == latest) continue;
    latest = std::move(now);
    ++count;
    lay_out(latest, copy);
    const std::string broken = recover_from(world, copy);
    std::filesystem::remove_all(copy);
    require(broken.empty(), "an image after " + std::to_string(process.steps()) + " steps: " + broken);
  }
  return count;
}

}  // namespace ginnel::crash

# SPDX-License-Identifier: Apache-2.0
#
# spack repo add cluster/packages/spack
# spack dev-build -d . infermill@main      (in the folder of README.md)
from spack.package import *


class Infermill(CMakePackage):
    """Amortized Bayesian inference as a distributed pipeline: simulate, train, check, infer."""

    license("Apache-2.0")

    version("main")

    depends_on("c", type="build")
    depends_on("cmake@3.22:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("openmpi@4.1:")
    depends_on("hdf5@1.10.8:1 +mpi +hl")
    depends_on("libzmq +libsodium")  # CURVE
    depends_on("openblas threads=none")
    depends_on("cairo +png")
    depends_on("libpng")
    depends_on("libyaml")
    depends_on("jansson")
    depends_on("random123", type="build")
    depends_on("xxhash")

    def cmake_args(self):
        return [self.define("INFERMILL_TESTS", False), self.define("INFERMILL_HDF5", "hdf5")]

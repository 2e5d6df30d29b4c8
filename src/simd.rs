//! Which instruction set the kernels use: chosen once at run time, or forced with `RETORT_SIMD`.
//!
//! Kernels are written once as plain inlined bodies and compiled again for each set; the plain build is the oracle.
//! `F = true` tells a body that fused multiply-add is one instruction there; products that are fused have one rounding
//! less, so sets differ by what the kernels' tests bound. Bodies that are never fused give the same bits everywhere.

use std::sync::OnceLock;

/// An instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Simd {
    /// What every processor of the target has.
    Plain,
    /// AVX2, FMA and F16C.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL) besides AVX2.
    Avx512,
    /// NEON, which every aarch64 processor has.
    Neon,
}

/// What `RETORT_SIMD` may say: a set, and whether its instructions for sums of bytes (VNNI; the dot product) are used.
const NAMES: [(&str, Simd, bool); 7] = [
    ("plain", Simd::Plain, false),
    ("avx2", Simd::Avx2, false),
    ("avx2-vnni", Simd::Avx2, true),
    ("avx512", Simd::Avx512, false),
    ("avx512-vnni", Simd::Avx512, true),
    ("neon", Simd::Neon, false),
    ("neon-dot", Simd::Neon, true),
];

/// What was chosen for this process.
#[derive(Clone, Copy)]
struct Choice {
    simd: Simd,
    byte_sums: bool,
    /// `RETORT_SIMD` named none that this machine has.
    is_unknown: bool,
}

impl Choice {
    fn of_this_process() -> Self {
        static CHOSEN: OnceLock<Choice> = OnceLock::new();
        *CHOSEN.get_or_init(|| Self::named(std::env::var("RETORT_SIMD").ok().as_deref()))
    }

    fn named(asked: Option<&str>) -> Self {
        let best = Simd::best();
        let best = Self { simd: best, byte_sums: best.has_byte_sums(), is_unknown: false };
        let Some(asked) = asked.filter(|asked| !asked.is_empty()) else { return best };
        names().find(|(name, ..)| *name == asked).map_or(Self { is_unknown: true, ..best }, |(_, simd, byte_sums)| {
            Self { simd, byte_sums, is_unknown: false }
        })
    }
}

/// Those of this machine.
fn names() -> impl Iterator<Item = (&'static str, Simd, bool)> {
    NAMES.into_iter().filter(|(_, simd, sums)| simd.available() == *simd && (!sums || simd.has_byte_sums()))
}

/// The name of what this process uses, as `RETORT_SIMD` takes it: `avx512-vnni`.
#[must_use]
pub fn name_in_use() -> &'static str {
    let Choice { simd, byte_sums, .. } = Choice::of_this_process();
    NAMES.iter().find(|name| (name.1, name.2) == (simd, byte_sums)).map_or(simd.name(), |name| name.0)
}

/// Says whether 8-bit kernels use the processor's own sums of bytes (VNNI; NEON's dot product): if it has them, unless
/// `RETORT_SIMD` names a set without.
#[must_use]
pub fn uses_byte_sums() -> bool {
    Choice::of_this_process().byte_sums
}

/// What `RETORT_SIMD` may say here, if it says something else: the best set is used then, which whoever set it should hear.
#[must_use]
pub fn misnamed() -> Option<Vec<&'static str>> {
    Choice::of_this_process().is_unknown.then(|| names().map(|(name, ..)| name).collect())
}

impl Simd {
    /// The best set of this machine, or the one that `RETORT_SIMD` names if the machine has it: `plain`, `avx2`,
    /// `avx2-vnni`, `avx512`, `avx512-vnni`, `neon` or `neon-dot`, where those without `-vnni` or `-dot` leave these
    /// instructions unused. Read once per process; allocation happens in the first call only, so call it before the audio
    /// thread does.
    #[must_use]
    pub fn detect() -> Self {
        Choice::of_this_process().simd
    }

    /// Every set of this machine up to the one that [`Simd::detect`] chose, [`Simd::Plain`] first: what tests and benches
    /// go through.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::of_this_machine().filter(|simd| *simd <= Self::detect())
    }

    fn of_this_machine() -> impl Iterator<Item = Self> {
        [Self::Plain, Self::Avx2, Self::Avx512, Self::Neon].into_iter().filter(|simd| simd.available() == *simd)
    }

    /// This set, or the best that the machine has if it lacks this one. The standard library caches what it finds out of
    /// the processor, so this is a few loads.
    #[inline]
    #[must_use]
    pub fn available(self) -> Self {
        match (self, Self::best()) {
            // Sets of another kind of processor.
            (Self::Avx2 | Self::Avx512, Self::Neon) => Self::Neon,
            (simd, best) => simd.min(best),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn best() -> Self {
        let avx2 =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        match (avx2, avx512) {
            (true, true) => Self::Avx512,
            (true, false) => Self::Avx2,
            _ => Self::Plain,
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn best() -> Self {
        Self::Neon
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn best() -> Self {
        Self::Plain
    }

    /// Whether the processor has instructions that multiply bytes and sum four neighbouring products, for this set.
    fn has_byte_sums(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512vnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("dotprod"),
            _ => false,
        }
    }

    /// The set's name; [`name_in_use`] says more.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }
}

/// a * b + c, fused where `F` says that the target has it (elsewhere a fused one would be a slow library call).
#[inline(always)]
#[must_use]
pub fn mul_add<const F: bool>(a: f32, b: f32, c: f32) -> f32 {
    if F { a.mul_add(b, c) } else { a * b + c }
}

/// Compiles `body::<FUSED>` for each instruction set and calls the one that is asked for. `unfused` before `fn` compiles
/// `body::<false>` for all of them: then every set gives the same bits.
///
/// ```ignore
/// simd_dispatch!(pub fn add_scaled(y: &mut [f32], x: &[f32], g: f32) = add_scaled_body);
/// add_scaled(Simd::detect(), &mut y, &x, 0.5);
/// ```
#[macro_export]
macro_rules! simd_dispatch {
    ($(#[$meta:meta])* $vis:vis unfused fn $($rest:tt)*) => {
        $crate::simd_dispatch!(@compile false $(#[$meta])* $vis fn $($rest)*);
    };
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        $crate::simd_dispatch!(@compile true $(#[$meta])* $vis fn $($rest)*);
    };
    (@compile $fused:literal $(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(simd: $crate::simd::Simd, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma,f16c")]
                #[allow(clippy::too_many_arguments)]
                fn avx2($($arg: $ty),*) $(-> $ret)? { $body::<$fused>($($arg),*) }
                #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
                #[allow(clippy::too_many_arguments)]
                fn avx512($($arg: $ty),*) $(-> $ret)? { $body::<$fused>($($arg),*) }
                match simd.available() {
                    // SAFETY: `Simd::available` returns a set only if the processor has it.
                    $crate::simd::Simd::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::simd::Simd::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::simd::Simd::Plain | $crate::simd::Simd::Neon => {}
                }
            }
            // The compiler's usual target has NEON; fusing is what differs from the plain build.
            #[cfg(target_arch = "aarch64")]
            if simd == $crate::simd::Simd::Neon {
                return $body::<$fused>($($arg),*);
            }
            let _ = simd;
            $body::<false>($($arg),*)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_the_machine_is_used_unless_a_set_is_named() {
        for nothing in [None, Some("")] {
            let choice = Choice::named(nothing);
            assert_eq!((choice.simd, choice.is_unknown), (Simd::best(), false));
            assert_eq!(choice.byte_sums, Simd::best().has_byte_sums());
        }
        for (name, simd, byte_sums) in names() {
            let choice = Choice::named(Some(name));
            assert_eq!((choice.simd, choice.byte_sums, choice.is_unknown), (simd, byte_sums, false), "{name}");
        }
    }

    #[test]
    fn a_name_that_no_set_of_this_machine_has_is_noticed() {
        for wrong in ["AVX2", "foo", "avx2 ", if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" }] {
            let choice = Choice::named(Some(wrong));
            assert!(choice.is_unknown && choice.simd == Simd::best(), "{wrong}");
        }
        assert!(names().any(|(name, ..)| name == "plain"));
    }
}

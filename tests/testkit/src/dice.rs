//! Chance that comes again: the same seed throws the same numbers, on every machine.

/// Is a generator of numbers (splitmix64, <https://prng.di.unimi.it/splitmix64.c>).
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    /// Takes the numbers of one door of a storm.
    pub fn new(seed: u64, door: u64) -> Self {
        let mut dice = Self(seed ^ door.wrapping_mul(0xA076_1D64_78BD_642F));
        dice.throw();
        dice
    }

    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Gives a number below this one.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a small number");
        usize::try_from(self.throw() % end).expect("a small number")
    }

    /// Tells whether it happens, in so many cases of a hundred.
    pub fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Picks one.
    pub fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// Gives bytes of any kind.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let throws = std::iter::repeat_with(|| self.throw().to_le_bytes());
        throws.flatten().take(count).collect()
    }

    /// Starts other dice, whose throws do not depend on how often these are thrown afterwards.
    pub fn others(&mut self) -> Self {
        Self(self.throw())
    }
}

namespace Stoker.Engine.Kernels.Emitted;

/// <summary>
/// General registers by their number in machine code. Only those that a function may change freely in the System V
/// convention, so that the kernels save none, and none whose number needs a special form as a base (rsp, rbp, r12, r13).
/// </summary>
internal enum Register
{
    Rax = 0,
    Rcx = 1,
    Rdx = 2,
    Rsi = 6,
    Rdi = 7,
    R8 = 8,
    R9 = 9,
    R10 = 10,
    R11 = 11,
}

/// <summary>[base + displacement].</summary>
internal readonly record struct Memory(Register Base, int Displacement)
{
    public static Memory At(Register register, int displacement = 0) => new(register, displacement);
}

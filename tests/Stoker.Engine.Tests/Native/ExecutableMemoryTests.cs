using System.Globalization;
using Stoker.Engine.Kernels;
using Stoker.Engine.Kernels.Emitted;
using Stoker.Engine.Native;

namespace Stoker.Engine.Tests.Native;

public unsafe class ExecutableMemoryTests
{
    private static readonly byte[] Return42 = [0xB8, 42, 0, 0, 0, 0xC3]; // mov eax, 42; ret

    [Fact]
    public void Code_runs_and_its_pages_are_not_writable()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && System.Runtime.Intrinsics.X86.X86Base.X64.IsSupported, "Linux on x86-64 only");
        var code = ExecutableMemory.TryCreate(Return42);
        Assert.SkipWhen(code is null, "this system refuses executable memory");
        ((delegate* unmanaged<int>)code)().ShouldBe(42);
        PermissionsOf((nuint)code).ShouldStartWith("r-x");
    }

    [Fact]
    public void Pages_are_never_writable_and_executable_at_once()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && System.Runtime.Intrinsics.X86.X86Base.X64.IsSupported, "Linux on x86-64 only");
        var before = "";
        ExecutableMemory.TryCreate(Return42, (start, _, protection) =>
        {
            before = PermissionsOf((nuint)start);
            protection.ShouldBe(5); // read and execute, without write
            return -1;
        });
        before.ShouldStartWith("rw-");
    }

    [Fact]
    public void A_refusal_gives_null_and_keeps_no_pages()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux only");
        nuint refused = 0;
        (ExecutableMemory.TryCreate(Return42, (start, _, _) =>
        {
            refused = (nuint)start;
            return -1;
        }) is null).ShouldBeTrue();
        refused.ShouldNotBe((nuint)0);
    }

    [Fact]
    public void Without_executable_memory_there_are_no_emitted_tiles()
    {
        Assert.SkipUnless(TileCode.IsSupported, "this CPU lacks AVX-512 VNNI, BF16 or VBMI");
        TileCode.TryCreate((_, _, _) => -1).ShouldBeNull();
    }

    [Fact]
    public void Without_emitted_tiles_the_choice_falls_to_the_next_set_and_forcing_them_is_refused()
    {
        KernelSets.Choose(null, tiles: null).Name.ShouldBe(KernelSets.SupportedNames.First(name => name != "emitted"));
        Should.Throw<ArgumentException>(() => KernelSets.Choose("emitted", tiles: null)).Message.ShouldContain("refuses");
    }

    [Fact]
    public void The_emitted_set_is_offered_exactly_where_its_code_exists() =>
        KernelSets.SupportedNames.Contains("emitted").ShouldBe(TileCode.Shared is not null);

    private static string PermissionsOf(nuint address)
    {
        foreach (var line in File.ReadLines("/proc/self/maps"))
        {
            var range = line[..line.IndexOf(' ', StringComparison.Ordinal)].Split('-');
            if (address >= Parse(range[0]) && address < Parse(range[1]))
            {
                return line.Split(' ')[1];
            }
        }

        return "not mapped";
    }

    private static nuint Parse(string hex) => (nuint)ulong.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}

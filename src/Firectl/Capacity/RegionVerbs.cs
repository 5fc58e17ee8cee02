using System.CommandLine;
using Firectl.Output;
using Stoker.Api.Resources;

namespace Firectl.Capacity;

/// <summary><c>firectl list regions|accelerators</c>: what there is, and what of it the account could take now.</summary>
internal static class RegionVerbs
{
    private static readonly Column[] Regions =
    [
        new("NAME", "name"), new("ACCELERATOR TYPES", "acceleratorTypes"), new("COUNT", "acceleratorCount"), new("AVAILABLE", "availableCount"),
        new("EMULATED", "emulated"),
    ];

    private static readonly Column[] Accelerators =
    [
        new("ACCELERATOR TYPE", "acceleratorType"), new("REGION", "region"), new("COUNT", "count"), new("AVAILABLE", "availableCount"),
        new("RESERVED", "reservedCount"), new("MEMORY BYTES", "memoryBytes"), new("EMULATED", "emulated"),
    ];

    public static void Add(VerbTree verbs)
    {
        verbs.Add("list", ["region", "regions"], "List regions with what is available", command => Lists(
            command, "regions", (listing, invocation, path, cancellation) => listing.WriteAsync(
                invocation, path, "regions", ServerConnection.Type<ListRegionsResponse>(), Regions, cancellation)));
        verbs.Add("list", ["accelerator", "accelerators"], "List accelerators by type and region with what is available", command => Lists(
            command, "accelerators", (listing, invocation, path, cancellation) => listing.WriteAsync(
                invocation, path, "accelerators", ServerConnection.Type<ListAcceleratorsResponse>(), Accelerators, cancellation)));
    }

    private static Verb Lists(Command command, string collection, Func<Listing, Invocation, string, CancellationToken, Task<int>> write)
    {
        var listing = new Listing();
        listing.AddTo(command);
        return async (invocation, cancellation) =>
            await write(listing, invocation, $"v1/{await invocation.AccountAsync(cancellation)}/{collection}", cancellation);
    }
}

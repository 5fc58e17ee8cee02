namespace Stoker.Server.Serving;

/// <summary><c>stoker serve</c>: says how to reach it, and runs until it is told to stop.</summary>
internal static class ServeCommand
{
    public static async Task<int> RunAsync(ServerOptions options, CancellationToken cancellation)
    {
        try
        {
            await using var server = await StokerServer.StartAsync(options, cancellation);
            Console.WriteLine(
                $"""
                Stoker listens on {server.Url.GetLeftPart(UriPartial.Authority)}
                Data:      {options.DataDirectory}
                Account:   {server.Account}
                Admin key: {(File.Exists(server.KeyFile) ? "in" : "was removed from")} {server.KeyFile}
                Try:       firectl whoami
                           curl {server.Url}inference/v1/models -H "Authorization: Bearer $(cat {server.KeyFile})"
                """);
            await server.WaitForShutdownAsync(cancellation);
            return 0;
        }
        catch (StartException problem)
        {
            await Console.Error.WriteLineAsync($"stoker: {problem.Message}");
            return 1;
        }
    }
}

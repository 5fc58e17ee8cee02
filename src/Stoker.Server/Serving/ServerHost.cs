using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Audit;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Gateway;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Serverless;
using Stoker.ControlPlane.Storage;
using Stoker.Engine;
using Stoker.Server.Packing;

namespace Stoker.Server.Serving;

/// <summary>Wires the slices into one host; the only place that knows them all.</summary>
internal static class ServerHost
{
    /// <summary>
    /// The host, ready to start. An empty builder: nothing is read from the working directory, and what is not needed
    /// costs no time.
    /// </summary>
    /// <param name="instead">Puts in what stands for one of its parts, such as another runtime of replicas.</param>
    public static WebApplication Build(ServerOptions options, Action<IServiceCollection>? instead = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new() { ApplicationName = "stoker" });
        var file = options.ConfigFile is { } path
            ? new ConfigurationBuilder().AddJsonFile(Path.GetFullPath(path), optional: false).Build()
            : null;
        if (file is not null) builder.Configuration.AddConfiguration(file);
        builder.Configuration.AddEnvironmentVariables();
        KnownSettings.Check(builder.Configuration, file);
        builder.Configuration.AddInMemoryCollection(Settings(options)); // last: the command line wins
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseUrls(options.Url.GetLeftPart(UriPartial.Authority));
        TlsListener.Configure(builder, options.Url);
        AddLogging(builder.Logging, options.LogLevel);
        instead?.Invoke(builder.Services); // first: the slices leave alone what is there
        AddSlices(builder.Services);

        var app = builder.Build();
        app.UseMiddleware<ErrorBoundary>();
        app.UseRouting();
        MapSlices(app);
        return app;
    }

    private static void AddSlices(IServiceCollection services)
    {
        services.AddRoutingCore();
        // Who leaves the replicas to the next server has nothing to hurry for: each open stream ends by itself.
        services.AddOptions<HostOptions>().Configure<IOptions<LocalRuntimeOptions>>((host, runtime) =>
        {
            if (runtime.Value.LeaveReplicas) host.ShutdownTimeout = Timeout.InfiniteTimeSpan;
        });
        services.AddStorage();
        services.AddAccounts();
        services.AddAudit();
        services.AddSingleton<IModelInspector, ModelInspector>();
        services.AddSingleton<IModelPacker, PackProcess>();
        services.AddModels();
        services.AddDeployments();
        services.AddAddons();
        services.AddServerless();
        services.AddSingleton(Machine.Current.Within(InferenceEngine.AllottedThreads)); // as the replicas will count
        RoutingServices.AddRouting(services); // named: ASP.NET has an extension of that name too
        services.AddGateway();
    }

    private static void MapSlices(WebApplication app)
    {
        var management = app.MapGroup("").WithAudit(); // what changes something belongs in here
        management.MapAccounts();
        management.MapAudit();
        management.MapModels();
        management.MapCapacity();
        management.MapDeployments();
        management.MapAddons();
        app.MapGateway();
        // For load balancers and scripts: the process answers. It says nothing of replicas; deployments do.
        app.MapGet("/health", () => Results.Text("ok\n"));
    }

    private static IEnumerable<KeyValuePair<string, string?>> Settings(ServerOptions options)
    {
        yield return new($"{StorageOptions.Section}:{nameof(StorageOptions.DataDirectory)}", options.DataDirectory);
        if (options.NewAdminKey)
        {
            yield return new($"{AccountOptions.Section}:{nameof(AccountOptions.NewAdminKey)}", "true");
        }

        if (options.LeaveReplicas)
        {
            yield return new($"{LocalRuntimeOptions.Section}:{nameof(LocalRuntimeOptions.LeaveReplicas)}", "true");
        }
    }

    private static void AddLogging(ILoggingBuilder logging, LogLevel level)
    {
        logging.SetMinimumLevel(level);
        // The framework's own lines name addresses and headers of requests; what an operator asks about is in ours.
        logging.AddFilter("Microsoft", level > LogLevel.Warning ? level : LogLevel.Warning);
        logging.AddFilter("System.Net.Http", LogLevel.Warning);
        // Of a failed start it logs the stack, where the command says the cause in a sentence. A background service
        // that fails is critical.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd HH:mm:ss ";
        });
    }
}

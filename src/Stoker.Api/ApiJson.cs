using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Api.Problems;
using Stoker.Api.Replicas;
using Stoker.Api.Resources;

namespace Stoker.Api;

/// <summary>
/// The management API's JSON: camelCase, absent instead of null, unknown and duplicate properties refused, so that no
/// option is ever accepted and ignored.
/// </summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    NumberHandling = JsonNumberHandling.Strict,
    PropertyNameCaseInsensitive = false,
    AllowDuplicateProperties = false,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AccountResource))]
[JsonSerializable(typeof(ListAccountsResponse))]
[JsonSerializable(typeof(UserResource))]
[JsonSerializable(typeof(ListUsersResponse))]
[JsonSerializable(typeof(ApiKeyResource))]
[JsonSerializable(typeof(CreateApiKeyRequest))]
[JsonSerializable(typeof(DeleteApiKeyRequest))]
[JsonSerializable(typeof(ListApiKeysResponse))]
[JsonSerializable(typeof(WhoAmIResponse))]
[JsonSerializable(typeof(AuditLogResource))]
[JsonSerializable(typeof(ListAuditLogsResponse))]
[JsonSerializable(typeof(EmptyResponse))]
[JsonSerializable(typeof(ModelResource))]
[JsonSerializable(typeof(CreateModelRequest))]
[JsonSerializable(typeof(ListModelsResponse))]
[JsonSerializable(typeof(GetUploadEndpointRequest))]
[JsonSerializable(typeof(GetUploadEndpointResponse))]
[JsonSerializable(typeof(ValidateUploadResponse))]
[JsonSerializable(typeof(PrepareModelRequest))]
[JsonSerializable(typeof(DeploymentResource))]
[JsonSerializable(typeof(ListDeploymentsResponse))]
[JsonSerializable(typeof(ScaleDeploymentRequest))]
[JsonSerializable(typeof(ReservationResource))]
[JsonSerializable(typeof(ListReservationsResponse))]
[JsonSerializable(typeof(QuotaResource))]
[JsonSerializable(typeof(ListQuotasResponse))]
[JsonSerializable(typeof(RegionResource))]
[JsonSerializable(typeof(ListRegionsResponse))]
[JsonSerializable(typeof(AcceleratorResource))]
[JsonSerializable(typeof(ListAcceleratorsResponse))]
[JsonSerializable(typeof(ExplainDeploymentResponse))]
[JsonSerializable(typeof(ListDaysOfUseResponse))]
[JsonSerializable(typeof(ListUsageResponse))]
[JsonSerializable(typeof(ListReplicaIntervalsResponse))]
[JsonSerializable(typeof(VerifyUsageResponse))]
[JsonSerializable(typeof(ListDeploymentEventsResponse))]
[JsonSerializable(typeof(ProblemBody))]
[JsonSerializable(typeof(LocalEndpoint))]
[JsonSerializable(typeof(ReplicaHealth))]
[JsonSerializable(typeof(RenewLeaseRequest))]
[JsonSerializable(typeof(ReplicaRequestUsage))]
[JsonSerializable(typeof(ReplicaExit))]
[JsonSerializable(typeof(ReplicaLifeSign))]
[JsonSerializable(typeof(LoadAddonRequest))]
[JsonSerializable(typeof(UnloadAddonRequest))]
[JsonSerializable(typeof(ReplicaAddonList))]
[JsonSerializable(typeof(ReplicaRefusal))]
[JsonSerializable(typeof(DeployedModelResource))]
[JsonSerializable(typeof(ListDeployedModelsResponse))]
public sealed partial class ApiJson : JsonSerializerContext;

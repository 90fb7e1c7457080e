// SPDX-License-Identifier: MIT

import java.util.Map;
import org.bitlet.weupnp.GatewayDevice;
import org.bitlet.weupnp.GatewayDiscover;

/** Weupnp OPERATION - libweupnp-java, told by the variables of the contract (cases/clients/README.md). */
public class Weupnp {
	private static final Map<String, String> TOLD = System.getenv();

	private static String told(String name) {
		return TOLD.get("IGDLAB_" + name);
	}

	private static boolean perform(GatewayDevice gateway, String operation) throws Exception {
		int external = Integer.parseInt(told("EXTERNAL_PORT"));
		String protocol = told("PROTOCOL").toUpperCase();
		if (operation.equals("external-ip")) {
			System.out.println("address " + gateway.getExternalIPAddress());
			return true;
		}
		if (operation.equals("delete")) {
			boolean done = gateway.deletePortMapping(external, protocol);
			System.out.println(done ? "deleted" : "refused");
			return done;
		}
		boolean done = gateway.addPortMapping(external, Integer.parseInt(told("INTERNAL_PORT")),
			gateway.getLocalAddress().getHostAddress(), protocol, told("DESCRIPTION"));
		System.out.println(done ? "mapped :" + external : "refused");
		return done;
	}

	public static void main(String[] arguments) {
		try {
			GatewayDiscover discover = new GatewayDiscover();
			discover.discover();
			GatewayDevice gateway = discover.getValidGateway();
			if (gateway == null) {
				System.out.println("refused no gateway");
				System.exit(1);
			}
			System.exit(perform(gateway, arguments[0]) ? 0 : 1);
		} catch (Exception error) {
			System.out.println("refused " + error);
			System.exit(1);
		}
	}
}

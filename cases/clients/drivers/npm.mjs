// SPDX-License-Identifier: MIT

// npm.mjs MODULE OPERATION - clients from the npm registry (cases/clients/npm), told by the variables of the contract.
// nat-port-mapper keeps what it maps until SIGTERM; the others do one thing and end.
import { createRequire } from 'node:module'

const [, , name, operation] = process.argv
const require = createRequire(`${process.env.IGDLAB_NPM}/package.json`)
const told = key => process.env[`IGDLAB_${key}`]
const external = Number(told('EXTERNAL_PORT')), internal = Number(told('INTERNAL_PORT')), lease = Number(told('LEASE'))
const protocol = told('PROTOCOL')

function promise (start) {
  return new Promise((resolve, reject) => start((error, value) => error ? reject(error) : resolve(value)))
}

const modules = {
  async 'nat-upnp' () {
    const client = require('nat-upnp').createClient()
    const mapping = { public: external, private: internal, protocol, ttl: lease, description: told('DESCRIPTION') }
    if (operation === 'external-ip') return `address ${await promise(done => client.externalIp(done))}`
    if (operation === 'delete') return promise(done => client.portUnmapping({ public: external, protocol }, done)).then(() => 'deleted')
    return promise(done => client.portMapping(mapping, done)).then(() => `mapped :${external}`)
  },
  async 'nat-api' () {
    const { default: NatAPI } = await import(`${process.env.IGDLAB_NPM}/node_modules/@silentbot1/nat-api/index.js`)
    const client = new NatAPI({ enablePMP: false, enableUPNP: true, ttl: lease, description: told('DESCRIPTION'), autoUpdate: false })
    const mapping = { publicPort: external, privatePort: internal, protocol: protocol.toUpperCase() }
    if (operation === 'external-ip') return `address ${await client.externalIp()}`
    if (operation === 'delete') return await client.unmap(mapping) === false ? Promise.reject(new Error('not unmapped')) : 'deleted'
    return await client.map(mapping) === false ? Promise.reject(new Error('not mapped')) : `mapped :${external}`
  },
  async 'nat-port-mapper' () {
    const { upnpNat } = await import(`${process.env.IGDLAB_NPM}/node_modules/@achingbrain/nat-port-mapper/dist/src/index.js`)
    const client = upnpNat({ description: told('DESCRIPTION'), ttl: lease * 1000 })
    let error = new Error('no gateway')
    for await (const gateway of client.findGateways({ signal: AbortSignal.timeout(8000) })) {
      try {
        const made = await gateway.map(internal, told('INTERNAL_CLIENT'), { protocol, externalPort: external })
        console.log(`mapped ${made.externalHost}:${made.externalPort}`)
      } catch (failure) {
        error = failure
        continue // there may be another gateway, as its users look for
      }
      await new Promise(resolve => process.once('SIGTERM', resolve)) // it knows only what it mapped itself
      return gateway.stop().then(() => 'deleted')
    }
    throw error
  }
}

modules[name]().then(said => {
  console.log(said)
  process.exit(0)
}, error => {
  console.log(`refused ${error?.message ?? error}`)
  process.exit(1)
})
